"""What the studies' own figures say of their claims."""
