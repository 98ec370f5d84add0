#!/bin/bash
# The paper's grid on 8 nodes of 8 GPUs: sbatch experiments/cluster/recipes/slurm.sh
# `ray symmetric-run` starts Ray on every node and runs the command on the first.
#SBATCH --job-name=headclaims
#SBATCH --nodes=8
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=12:00:00
set -euo pipefail

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
# Weights come from the hub once, before the job; the nodes share the folder.
export HF_HUB_OFFLINE=1 HEADCLAIMS_CACHE="$HOME/.cache/headclaims"

# Environments on a network's disk take their time to start.
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=600
# srun has not taken over the CPUs of the job since Slurm 22.05.
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" ray symmetric-run --address "$head:6379" --min-nodes "$SLURM_NNODES" -- \
    headclaims run --grid paper --on auto --gpus-per-worker 1 --cpus-per-worker 4 \
    --store "$HOME/headclaims-store" --out "$HOME/headclaims-results"
