"""The retailer itself: stores, employees, queues, programmes.

Belongs here: its few fixed facts, the same for every seed. Does not belong here: customers.
Employee number i (0…) is SuiteCRM user i + 1, Odoo user i + 2, Chatwoot user i + 1 and extension 201 + i.
"""

STORES = [
    "Уют и Дом, Тверская",
    "Уют и Дом, Химки Мега",
    "Уют и Дом, Невский",
    "Уют и Дом, Новосибирск",
    "Уют и Дом, Екатеринбург",
    "Уют и Дом, Казань",
    "Уют и Дом, Нижний Новгород",
    "Уют и Дом, Подольск",
]
STORE_CITIES = [0, 18, 1, 2, 3, 4, 5, 19]  # rows of data/cities.csv
ONLINE_PARTNER = "Интернет-магазин"
COMPANY = "ООО «Уют и Дом»"
COMPANY_EMAIL = "zakaz@uyut-i-dom.example"
COMPANY_PHONE = "+7 (495) 000-10-10"
CENTRAL_WAREHOUSE = "Центральный склад"

# (user name, given name, family name, department); sellers stand at the tills, the rest answer calls.
EMPLOYEES = [
    ("a.belkina", "Алёна", "Белкина", "Контакт-центр"),
    ("s.luzhkov", "Степан", "Лужков", "Контакт-центр"),
    ("m.yurina", "Мила", "Юрина", "Контакт-центр"),
    ("d.kolosova", "Дина", "Колосова", "Контакт-центр"),
    ("t.gromkin", "Тихон", "Громкин", "Контакт-центр"),
    ("v.sedova", "Варя", "Седова", "Контакт-центр"),
    ("r.asmus", "Роберт", "Асмус", "Продажи"),
    ("e.dolina", "Ева", "Долина", "Продажи"),
    ("g.ptitsyn", "Герман", "Птицын", "Продажи"),
    ("k.vetrova", "Клара", "Ветрова", "Продажи"),
    ("o.ryabko", "Остап", "Рябко", "Магазин"),
    ("l.smolina", "Лада", "Смолина", "Магазин"),
    ("p.zharov", "Прохор", "Жаров", "Магазин"),
    ("n.tishina", "Нонна", "Тишина", "Магазин"),
    ("f.bulat", "Филипп", "Булат", "Магазин"),
    ("z.krymova", "Злата", "Крымова", "Магазин"),
    ("y.medov", "Яков", "Медов", "Магазин"),
    ("i.svetlova", "Изольда", "Светлова", "Магазин"),
]
AGENTS = range(6)  # the contact centre
SALES = range(6, 10)
SELLERS = range(10, 18)  # one a store
FIRST_EXTENSION = 201
QUEUES = {"600": "zakazy", "601": "servis"}
TRUNKS = ["trunk-a", "trunk-b"]
PAYMENT_METHODS = ["Наличные", "Банковская карта", "СБП"]
EMPLOYEE_EMAIL_DOMAIN = "uyut-i-dom.example"
