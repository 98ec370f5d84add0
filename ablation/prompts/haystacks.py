"""The texts that surround the needle in a prompt."""

from collections.abc import Callable, Mapping

from ablation.assets.embedded import wikipedia_prose
from ablation.errors import InvalidInput

_BOILERPLATE = """
The forward-looking statements in this report are based on the current expectations of management
and involve risks and uncertainties. Actual results may differ materially from those expressed or
implied, and readers are cautioned not to place undue reliance on them. No obligation is undertaken
to update any such statement, whether as a result of new information, future events or otherwise.

Demand for the products described here depends on general economic conditions, on the level of
capital spending by customers and on the prices of competing goods. A prolonged downturn in any of
the principal markets could reduce sales and earnings. Selling prices are set by negotiation and
may decline as competitors add capacity. Cost reductions are pursued continuously, but there can be
no assurance that they will keep pace with any such decline.

Purchases of materials are made under orders of short duration. Prices of certain commodities have
fluctuated widely in the past and may do so again. Where it is practicable, increases in cost are
passed on to customers after a delay. Alternative suppliers have been qualified for most of the
components used, although a change of supplier could interrupt production for a time.

Patents, trade secrets and registered marks are regarded as useful, but the business as a whole is
not considered to be dependent on any one of them. Confidentiality agreements are entered into with
those who have access to proprietary processes. Litigation may be necessary to enforce these rights
or to defend against claims of infringement, and its outcome cannot be predicted with certainty.

Operations are subject to laws that govern the discharge of materials into the environment and the
safety of the workplace. Expenditures for compliance have not been material to earnings or to
competitive position, and none that would be material are anticipated. Insurance of the customary
kinds is carried in amounts believed to be adequate, subject to the usual deductibles.

Product quality is monitored at each stage of manufacture, and goods are warranted against defects
in material and workmanship for a limited period. Claims under these warranties have been within
the reserves established for them. Returns are accepted in accordance with the practice of the
trade. Service is provided by trained personnel and by authorized representatives.

Sales are made on open account, usually without collateral, and credit losses have been small.
Payment is due on delivery or within the customary term. Orders may be changed or canceled by the
customer before shipment, so that the amount of unfilled orders is not a reliable indication of
future revenue. Shipments tend to be heavier toward the end of each quarter.

Competition comes from domestic and foreign producers, several of which have substantially greater
financial, technical and marketing resources. The principal methods of competition are performance,
price, reliability of delivery and service after the sale. New entrants and new technologies may
change the structure of the industry, and continued success will depend on the ability to introduce
improved products in good time.

The accounting records are maintained on the accrual basis, and estimates are used where amounts
cannot be determined exactly. Inventories are carried at the lower of cost or market. Property is
depreciated over its useful life by the straight-line method. Income taxes are provided for at the
statutory rate, adjusted for items that are treated differently for tax and for book purposes.

Labor relations are considered satisfactory, and there has been no significant interruption of work.
Training is offered at all levels. Compensation includes incentives that depend on results, and
benefits are reviewed from time to time in comparison with those of similar firms. The loss of key
personnel could have an adverse effect until suitable successors are found.
"""


def ten_k_boilerplate() -> str:
    """Prose of the register of a 10-K that names no state, no year and no count."""
    paragraphs = _BOILERPLATE.strip().split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


HAYSTACKS: Mapping[str, Callable[[], str]] = {
    "wikipedia": wikipedia_prose,
    "boilerplate": ten_k_boilerplate,
}


def haystack_text(key: str) -> str:
    """The haystack called ``key``.

    Raises:
        InvalidInput: there is no such haystack.
        AssetError: the Wikipedia sample cannot be fetched.
    """
    if key not in HAYSTACKS:
        raise InvalidInput(f"unknown haystack {key!r}: choose one of {', '.join(HAYSTACKS)}")
    return HAYSTACKS[key]()
