"""Address lines to street, house and flat, whatever their order, abbreviations and signs.

Belongs here: how one line is read. Does not belong here: towns and postcodes, which have columns of their own
(standardise.py), and who shares an address (households.py).
"""

import duckdb

# SQL regular expressions know ASCII letters alone as parts of words: what stands before a word is named.
_START = "(^|[^a-zа-я0-9])"
_END = "([^a-zа-я]|$)"
# What a street is called besides its name; in short it may stick to the name (пр-тМира).
_KINDS = (
    r"пр-к?т\.?|просп\.|б-р\.?|бул\.|ул\.|пер\.|наб\.|пл\.|туп\.|ал\.|ш\.",
    "улица|проспект|переулок|шоссе|бульвар|набережная|площадь|проезд|тупик|аллея|ул|пер|пр|наб|пл|ш"
    "|ulitsa|prospekt|pereulok|shosse|bulvar|naberezhnaya|ploshchad|proezd|ul|per|pr"
    "|street|road|avenue|lane|square|drive|st|rd|ave",
)
_FLAT = f"{_START}(?:квартира|кв|офис|оф|комната|ком|flat|apartment|apt|office|kvartira|kv)[ .№#]*([0-9]+)"
# The way in, not the place.
_WAY_IN = (
    f"{_START}(?:[0-9]+-?(?:ый|ой|ая|й|я) ?)?(?:подъезд|парадная|под|п-д|этаж|эт|домофон|код|секция)"
    f"[ .№#]*(?:[0-9][0-9а-я]*)?{_END}"
)
# The house's letter apart from its number: 5 а, 5-А, 5 "а".
_LETTER = r"([0-9]) ?[-\"«]? ?([абв])[\"»]?( *(?:,|;|кв|корп|стр|к[ .]*[0-9]|$))"
# A part of a house: 16 корп. 1, 16к1, 16/1.
_PART = r"([0-9]+[а-я]?)(?:[ ,]*(?:корпус|корп|кор|к|строение|стр|с|литера|лит|korpus|korp|k|str)[ .]*|[ ]*/[ ]*)([0-9]+)"
_ORDINAL = f"{_START}([0-9]+)(?:-(?:ая|ый|ой|го|я|й|е)|ая|ый|ой|го){_END}"
# Streets without a name have their quarter's number: 5 мкр, д. 7; мкр-н 5, 7.
_QUARTER = "(?:микрорайон|мкр-?н?|м-о?н|квартал|кв-л)"
_BEFORE = "^((?:(?:г|гор|город)[. ]+)?(?:[а-я-]+, *)?)"
_QUARTERS = (
    (f"{_BEFORE}([0-9]+)(?:-(?:ый|ой|й))? *{_QUARTER}{_END}", r"\1\2-й микрорайонный\3"),
    (f"{_BEFORE}{_QUARTER}[ .№]*([0-9]+)( *[,;]| +д|$)", r"\1\2-й микрорайонный\3"),
)
# Postcodes: Russian ones anywhere; of five digits, before the town or after it, as other countries write them.
_POSTCODES = (
    (f"{_START}[0-9]{{6}}([^0-9]|$)", r"\1 \2"),
    ("([0-9].*[a-zа-я].*)[ ,]+[0-9]{5}(?:-[0-9]{4})?$", r"\1"),
    ("([0-9].*), *[0-9]{5} +[^0-9,]+$", r"\1"),
    ("^[0-9]{5} +[^ .0-9,]+ *,(.*[a-zа-я]{4,}.*[0-9])", r"\1"),
)
_FIRST = "^([^a-zа-я0-9]*(?:ул[ .,]*)?)[0-9]+"
_WORD = "[a-zа-я]{4,}"
_NUMBER = "[0-9]+[а-д]?(?:k[0-9]+)?"
# Words that name no street, or hundreds of them.
_NO_STREETS = (
    *(
        "город",
        "область",
        "район",
        "край",
        "республика",
        "поселок",
        "деревня",
        "село",
        "станица",
        "микрорайон",
    ),
    *("владение", "корпус", "строение", "литера", "этаж", "частный", "сектор", "россия", "house", "russia"),
    *("академика", "маршала", "генерала", "адмирала", "профессора", "космонавта", "героя"),
)


def _replaced(line: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for pattern, by in pairs:
        line = f"regexp_replace({line}, '{pattern}', '{by}')"
    return line


def read_addresses(con: duckdb.DuckDBPyConnection) -> None:
    """From `records` to `addresses` (written, street, house, flat), each written line read once.

    street: key of the longest word of the street's name, after its number if it has one (8 Марта, 1-я Парковая); where
    the line tells its kind, of the part that does, else of the part before the house. house: with its letter, and
    with its building after a k. Lines without a word of four letters and more are left out.
    """
    con.execute(
        f"""
        create or replace table addresses as
        with whole as (
            select written, {_replaced("replace(lower(written), 'ё', 'е')", _POSTCODES)} as line
            from (select distinct street as written from records where street is not null)
        ), lines as (
            select written, regexp_replace(
                case when regexp_matches(line, '{_START}({_KINDS[0]})|{_START}({_KINDS[1]}){_END}') then line
                    else {_replaced("line", _QUARTERS)}
                end, '{_LETTER}', '\\1\\2\\3') as line
            from whole
        ), told as (
            select written, regexp_extract(line, '{_FLAT}', 2) as flat,
                regexp_replace(regexp_replace(regexp_replace(line, '{_FLAT}', '\\1,', 'g'),
                    -- Twice: what ends one of them begins the next.
                    '{_WAY_IN}', '\\1,\\2', 'g'), '{_WAY_IN}', '\\1,\\2', 'g') as line
            from lines
        ), joined as (
            select written, flat, regexp_extract(line, '{_ORDINAL}', 2) as ordinal,
                regexp_replace(regexp_replace(regexp_replace(regexp_replace(
                    line, '{_PART}', '\\1k\\2', 'g'), '{_ORDINAL}', '\\1 \\3', 'g'),
                    '{_START}({_KINDS[0]})', '\\1,ул ', 'g'), '{_START}({_KINDS[1]}){_END}', '\\1,ул \\3', 'g') as line
            from told
        ), numbered as (
            -- A number that a word follows and another number belongs to the street: 8 Марта, 5.
            select written, flat, ordinal, line, regexp_extract_all(line, '{_NUMBER}') as numbers,
                regexp_matches(line, '{_FIRST} +[a-zа-я]{{3,}}') as is_first
            from joined
        ), placed as materialized (
            -- In Latin letters such a number is the house: 12 Baker Street.
            select *, (regexp_matches(line, '{_FIRST} +[а-я]{{3,}}') and len(numbers) > 1)::int as named,
                regexp_extract(case when is_first then regexp_replace(line, '{_FIRST}', '\\1') else line end, '^[^0-9]*')
                    as before_house
            from numbered
        ), parts as (
            select written, is_first, unnest(list) as part, generate_subscripts(list, 1) as place from (
                select written, is_first,
                    string_split(case when has_street then before_house else line end, ',') as list
                from (
                    select *, regexp_matches(
                        regexp_replace(before_house, '(корпус|строение|владение|house)', ''), '{_WORD}') as has_street
                    from placed
                )
            )
        ), words as (
            -- The kind stands before the name or after it.
            select written, part like 'ул %' or coalesce(next_part like 'ул%' and not regexp_matches(next_part, '{_WORD}'), false)
                    as is_told, case when is_first then -place else place end as place,
                unnest(regexp_extract_all(regexp_replace(part, '{_START}(г|гор|город|g|gorod)[. ]+[a-zа-я-]+', '\\1'), '{_WORD}'))
                    as word
            from (
                select *, lead(part) over (partition by written order by place) as next_part from parts where trim(part) <> ''
            )
        ), spelt as materialized (
            -- Each word's key once: streets are few.
            select word, name_key(word) as key from (select distinct word from words)
        ), streets as (
            select written, arg_max(key, (is_told, place, length(key), key)) as street
            from words join spelt using (word)
            where key not in (select name_key(word) from (select unnest({list(_NO_STREETS)}) as word)) group by written
        )
        select written, case when named = 1 then numbers[1] else ordinal end || street as street,
            nullif(ltrim(numbers[1 + named], '0'), '') as house,
            nullif(ltrim(coalesce(nullif(flat, ''), numbers[2 + named]), '0'), '') as flat
        from placed join streets using (written)
        """
    )
