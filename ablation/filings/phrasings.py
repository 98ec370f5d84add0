"""The words of the synthetic 10-K sections."""

# No state whose name lies inside another's: the study's containment match could not tell Kansas
# from Arkansas or Virginia from West Virginia. No Washington, which is also a city.
STATES = (
    "Alabama", "Arizona", "California", "Colorado", "Connecticut", "Delaware", "Florida",
    "Georgia", "Idaho", "Illinois", "Indiana", "Iowa", "Kentucky", "Louisiana", "Maine",
    "Maryland", "Massachusetts", "Michigan", "Minnesota", "Missouri", "Montana", "Nebraska",
    "Nevada", "New Jersey", "New York", "North Carolina", "Ohio", "Oklahoma", "Oregon",
    "Pennsylvania", "Tennessee", "Texas", "Utah", "Vermont", "Wisconsin", "Wyoming",
)  # fmt: skip

# Each of these stands on the map of many states, so that the town does not give the state away.
TOWNS = (
    "Arlington", "Ashland", "Auburn", "Bristol", "Burlington", "Centerville", "Clayton",
    "Clinton", "Dayton", "Dover", "Fairview", "Franklin", "Georgetown", "Greenville", "Hudson",
    "Jackson", "Kingston", "Lebanon", "Lexington", "Madison", "Manchester", "Milford", "Milton",
    "Newport", "Oakland", "Oxford", "Riverside", "Salem", "Springfield", "Winchester",
)  # fmt: skip

NAME_STEMS = (
    "Allegro", "Ardent", "Barrow", "Beacon", "Calder", "Corliss", "Dunmore", "Eastgate",
    "Fenwick", "Garnet", "Halcyon", "Ironwood", "Juniper", "Keystone", "Larkfield", "Meridian",
    "Norwood", "Orchard", "Pinnacle", "Quarry", "Redfern", "Stonebridge", "Thornton", "Vantage",
    "Westbrook",
)  # fmt: skip

NAME_TRADES = (
    "Bearings", "Chemical", "Controls", "Devices", "Foods", "Industries", "Instruments",
    "Materials", "Packaging", "Paper", "Plastics", "Technologies", "Textiles", "Tool",
)  # fmt: skip

INDUSTRIES = (
    "precision valves and fittings for the process industries",
    "folding cartons and other paper packaging for food producers",
    "industrial adhesives and specialty coatings",
    "electronic test instruments and the software that runs on them",
    "snack foods and frozen bakery goods sold through grocery chains",
    "woven fabrics for furniture makers and the automotive trade",
    "ball bearings and power transmission parts",
    "molded plastic components for household appliances",
    "dental and surgical hand instruments",
    "hydraulic pumps for farm and construction machinery",
)

OPENINGS = (
    '{company} (the "Company") designs, manufactures and sells {products}.',
    '{company} ("{short}" or the "Company") is a producer of {products}.',
    'The registrant, {company} (the "Company"), makes and markets {products}.',
    '{company} and its subsidiaries (together, the "Company") supply {products}.',
)

FACTS = {
    "inc_state": (
        "{company} is a {inc_state} corporation.",
        "The Company was organized under the laws of the State of {inc_state}.",
        "The Company was incorporated in the State of {inc_state}.",
        "The registrant is a corporation existing under the laws of the State of {inc_state}.",
        "The Company's state of incorporation is {inc_state}.",
        "{short} is incorporated in the State of {inc_state}.",
    ),
    "inc_year": (
        "The Company was incorporated in {inc_year}.",
        "{company} has been a corporation since it was incorporated in {inc_year}.",
        "The Company's certificate of incorporation was filed in {inc_year}.",
        "The year of the Company's incorporation was {inc_year}.",
        "{short} became a corporation when it was incorporated in {inc_year}.",
        "Incorporated in {inc_year}, the Company has been in this business ever since.",
    ),
    "employee_count": (
        "As of December 31, the Company had {employee_count} employees.",
        "At the end of the fiscal year the Company had {employee_count} full-time employees.",
        "The number of the Company's employees at December 31 was {employee_count}.",
        "The total number of employees of the Company is {employee_count}.",
        "{short} has {employee_count} employees.",
        "The Company had {employee_count} employees at year end, none of them in a union.",
    ),
    "hq_state": (
        "The Company is headquartered in {town}, {hq_state}.",
        "The Company's headquarters are in {town}, {hq_state}.",
        "{short} is headquartered in {town}, {hq_state}.",
        "The Company maintains its headquarters in {town}, {hq_state}.",
        "The Company, headquartered in {town}, {hq_state}, owns the building it occupies.",
        "The headquarters of {short} are located in {town}, {hq_state}.",
    ),
}
"""Question key -> the phrasings of the fact that answers it."""

DISTRACTORS = {
    "history_year": (
        "The business was begun as a partnership in {earlier_year}.",
        "A predecessor firm had opened its first shop in {earlier_year}.",
        "Its trade mark had been in use since {earlier_year}.",
        "The founders had worked together since {earlier_year}.",
        "The first patent of the business dates from {earlier_year}.",
    ),
    "history_state": (
        "A foundry in {subsidiary_state} was bought in {later_year} and later sold.",
        "In {later_year} it acquired a competitor with operations in {subsidiary_state}.",
        "A distribution subsidiary in {subsidiary_state} was added in {later_year}.",
        "It entered the {subsidiary_state} market in {later_year}.",
        "Its common stock was first sold to the public in {later_year}, and a warehouse in "
        "{subsidiary_state} was opened.",
    ),
    "today_state": (
        "Its largest plant stands in {plant_town}, {plant_state}.",
        "Most goods are shipped from a warehouse near {plant_town}, {plant_state}.",
        "A second factory is operated in {plant_town}, {plant_state}.",
        "Research is carried out at a laboratory in {plant_town}, {plant_state}.",
        "Raw materials come mainly from suppliers around {plant_town}, {plant_state}.",
    ),
    "today_count": (
        "Products are sold to some {customers} customers by {units} distributors.",
        "The catalog lists {customers} items, of which {units} are new.",
        "There are {customers} holders of record, and {units} patents are held.",
        "About {customers} accounts are served through {units} sales agents.",
        "Orders came from {customers} customers in {units} product lines.",
    ),
}
"""Kind -> sentences with states, years and counts that answer none of the questions."""

REMARKS = (
    "Competition is intense and is based on price, quality and service.",
    "The business is not seasonal to any great extent, and no single customer is material to it.",
    "Compliance with environmental laws is not expected to have a material effect on earnings.",
    "Backlog at the end of the year was not significantly different from the year before.",
    "Raw materials are available from several sources, and no shortage of them is expected.",
    "Products are sold through the sales force of the Company and through independent agents.",
    "Research and development is directed at better materials and at lower cost of production.",
    "Management believes that relations with customers and suppliers are generally good.",
    "The Company competes with many firms, some of which have far greater resources.",
    "Sales outside the United States are made in dollars and are not a large part of the total.",
)
"""Sentences that fill a section and state nothing anybody asks for."""
