"""Fills an empty Tryton with an invented shop, through Tryton's own API: what docs/your_company.md reads.

Runs in Tryton's environment, not in the project's; TRYTOND_DATABASE_URI is its server: `python fill.py tryton`.
"""

import datetime as dt
import sys
from decimal import Decimal

from proteus import Model, Wizard, config

# name, is it a company?, phones, e-mails, (street, postcode, city)
PARTIES = [
    (
        "Белова Анна Сергеевна",
        False,
        ["+7 916 555-01-01"],
        ["anna.belova@example.ru"],
        ("ул. Садовая, д. 3, кв. 8", "127006", "Москва"),
    ),
    ("Белова А.", False, ["8 (916) 555 01 01"], [], ("Садовая 3-8", "127006", "Москва")),
    (
        "Орлов Игорь Петрович",
        False,
        ["+7 903 555-02-02", "+7 495 555-02-02"],
        ["i.orlov@example.ru"],
        ("пр. Мира, д. 12, кв. 40", "129090", "Москва"),
    ),
    ("Зимина Ольга", False, [], ["zimina@example.com"], ("ул. Ленина, д. 5", "603005", "Нижний Новгород")),
    (
        "ООО «Ромашка»",
        True,
        ["+7 831 555-03-03"],
        ["info@romashka.example"],
        ("ул. Горького, д. 1", "603000", "Нижний Новгород"),
    ),
    ("Покупатель без имени", False, [], [], None),
]
# code, name, price
PRODUCTS = [
    ("TEA-01", "Чай чёрный, 100 г", "320.00"),
    ("CUP-02", "Кружка, 300 мл", "890.50"),
    ("POT-03", "Чайник заварочный", "2150.00"),
]
# party (its place above), days ago, lines: (product, quantity), how far it goes
SALES = [
    (0, 30, [(0, 2), (1, 1)], "process"),
    (0, 2, [(2, 1)], "process"),
    (1, 12, [(1, 4)], "process"),
    (2, 9, [(0, 1)], "cancel"),
    (3, 5, [(0, 3), (2, 1)], "process"),
    (4, 3, [(1, 24)], "quote"),
    (2, 1, [(1, 1)], "draft"),
    (4, 20, [(2, 2)], "return"),
]
STEPS = {
    "draft": [],
    "quote": ["quote"],
    "cancel": ["quote", "cancel"],
    "process": ["quote", "confirm", "process"],
    "return": ["quote", "confirm", "process"],
}


def create_company() -> None:
    """A currency, a company and the admin in it: Tryton sells nothing without them."""
    currency = Model.get("currency.currency")(
        name="Российский рубль", symbol="₽", code="RUB", numeric_code="643", digits=2
    )
    currency.save()
    party = Model.get("party.party")(name="Чайная лавка")
    party.save()
    wizard = Wizard("company.company.config")
    wizard.execute("company")
    wizard.form.party = party
    wizard.form.currency = currency
    wizard.execute("add")
    config.get_config()._context = Model.get("res.user").get_preferences(True, {})


def fill() -> None:
    Country, Party = Model.get("country.country"), Model.get("party.party")
    russia = Country(name="Россия", code="RU", code3="RUS", code_numeric="643")
    russia.save()
    parties = []
    for name, is_company, phones, emails, address in PARTIES:
        party = Party(name=name)
        for kind, values in (("mobile", phones), ("email", emails)):
            for value in values:
                party.contact_mechanisms.new(type=kind, value=value)
        if address:
            party.addresses.pop()
            party.addresses.new(street=address[0], postal_code=address[1], city=address[2], country=russia)
        if is_company:
            party.identifiers.new(type="ru_vat", code="7707083893")
        party.save()
        parties.append(party)
    (unit,) = Model.get("product.uom").find([("symbol", "=", "u")])
    Template = Model.get("product.template")
    products = []
    for code, name, price in PRODUCTS:
        template = Template(
            name=name, default_uom=unit, type="goods", salable=True, list_price=Decimal(price)
        )
        template.products[0].suffix_code = code
        template.save()
        products.append(template.products[0])
    Sale = Model.get("sale.sale")
    for place, days, lines, step in SALES:
        sale = Sale(party=parties[place], invoice_method="manual", shipment_method="manual")
        sale.sale_date = dt.date.today() - dt.timedelta(days=days)
        for number, quantity in lines:
            line = sale.lines.new()
            line.product = products[number]
            line.quantity = quantity
            line.unit_price = Decimal(PRODUCTS[number][2])
        sale.save()
        for button in STEPS[step]:
            sale.click(button)
        if step == "return":
            Wizard("sale.return_sale", [sale]).execute("return_")
            (came_back,) = Sale.find([("origin", "=", f"sale.sale,{sale.id}")])
            came_back.lines[0].quantity = -1
            came_back.sale_date = dt.date.today()
            for button in STEPS["process"]:
                came_back.click(button)


if __name__ == "__main__":
    config.set_trytond(sys.argv[1])
    create_company()
    fill()
