"""Which column of a file is what: headers recognised by name, mapped by the user, or left out.

Belongs here: known names of columns and the choice among them. Does not belong here: what is done with them
(compare.py) and reading of files (read.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dagster_project.errors import ConfigError
from dagster_project.identity.standardise import RECORD_COLUMNS

# What a file may hold beyond customer_records' columns.
FURTHER = ("birth_year", "address_2", "house", "suburb", "state", "birth_place", "occupation", "national_id")
KNOWN = (*RECORD_COLUMNS, *FURTHER)
KEY = ("source_system", "source_record_id")

# Other spellings of a header, without case, spaces and signs. Only what leaves no doubt.
_SYNONYMS = {
    "source_system": "source system_name sourcesystem sourcename datasource dataset система источник",
    "source_record_id": "recordid recid rec_id id uniqueid uid rowid customerid clientid personid sourceid key ид код",
    "full_name": "name fullname customername clientname contactname personname fio фио имяфамилия firstandsurname"
    " nombrecompleto vollername полноеимя клиент",
    "given_name": "givenname firstname forename first fname christianname имя vorname nombre prenom",
    "middle_name": "middlename secondname middle patronymic отчество zweitername",
    "family_name": "familyname surname lastname last lname secondsurname фамилия nachname familienname apellido"
    " apellidos nom",
    "gender": "gender sex пол geschlecht sexo",
    "birth_date": "birthdate dateofbirth dob birthday born bday датарождения деньрождения др geburtsdatum"
    " fechanacimiento fechadenacimiento",
    "birth_year": "birthyear yearofbirth yob годрождения geburtsjahr",
    "phone": "phone phonenumber telephone tel mobile mobilephone mobilenumber cell cellphone phone1 primaryphone"
    " contactnumber msisdn телефон тел мобильный номертелефона telefon telefono handy",
    "email": "email emailaddress mail e-mail primaryemail почта электроннаяпочта эпочта correo",
    "loyalty_card": "loyaltycard loyaltynumber cardnumber loyaltyid bonuscard картaлояльности картa номеркарты"
    " бонуснаякарта",
    "tax_id": "taxid inn инн",
    "national_id": "socsecid ssn socialsecuritynumber socialsecurity nationalid passport passportnumber nin nino"
    " personalid снилс паспорт dni",
    "street": "street address streetaddress address1 addressline1 addressline streetname адрес улица strasse straße"
    " direccion calle homeaddress",
    "address_2": "address2 addressline2 street2",
    "house": "house housenumber streetnumber streetno houseno дом номердома hausnummer",
    "suburb": "suburb district borough район",
    "city": "city town locality cityname город населенныйпункт ort stadt ciudad wohnort",
    "postcode": "postcode postalcode zip zipcode zip5 plz индекс почтовыйиндекс codigopostal postcodefake",
    "state": "state province region county область регион bundesland provincia",
    "country": "country countrycode countryname страна land pais",
    "birth_place": "birthplace placeofbirth местрождения месторождения geburtsort",
    "occupation": "occupation job jobtitle profession профессия beruf",
    "messenger_kind": "messengerkind messenger мессенджер",
    "messenger_id": "messengerid telegramid chatid",
    "login_id": "loginid login username логин userid",
    "parent_record_id": "parentrecordid parentid",
    "is_company": "iscompany company_flag",
    "created_at": "createdat created createddate datecreated",
    "updated_at": "updatedat updated updateddate datemodified modifiedat",
    "deleted_at": "deletedat deleted",
}


def _bare(header: str) -> str:
    return re.sub(r"[\W_]+", "", header.lower()).replace("ё", "е")


_BY_HEADER = {_bare(other): name for name, others in _SYNONYMS.items() for other in others.split()}
_BY_HEADER |= {_bare(name): name for name in KNOWN}


@dataclass
class Columns:
    """taken: our name → theirs. also: comparisons asked for. left_out: headers that were not understood."""

    taken: dict[str, str] = field(default_factory=dict)
    also: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def recognised(self) -> dict[str, str]:
        """Ours → theirs where the two are written differently."""
        return {ours: theirs for ours, theirs in self.taken.items() if ours != theirs}


def choose(headers: Sequence[str], mapping: Mapping[str, str], also: Sequence[str], file: str) -> Columns:
    """What each header of `file` is. mapping: theirs → ours; those that the file lacks are not looked for here."""
    result = Columns()
    mapped = {theirs: ours for theirs, ours in mapping.items() if theirs in headers}
    for theirs, ours in mapped.items():
        if ours in result.taken:
            raise ConfigError(
                f"{file}: both {result.taken[ours]!r} and {theirs!r} are mapped to {ours}.",
                "Map one of them.",
            )
        result.taken[ours] = theirs
    rest = [header for header in headers if header not in mapped and header not in also]
    result.also = [header for header in headers if header in also and header not in mapped]
    # A column with the very name comes before one that merely means it.
    for exact in (True, False):
        for header in rest:
            ours = _BY_HEADER.get(_bare(header), "")
            if ours and ours not in result.taken and (_bare(ours) == _bare(header)) == exact:
                result.taken[ours] = header
    used = set(result.taken.values())
    result.left_out = [header for header in rest if header not in used]
    return result


def read_mapping(written: Sequence[str]) -> dict[str, str]:
    """`theirs=ours` of each --map. Raises ConfigError for another form or an unknown target."""
    mapping: dict[str, str] = {}
    for text in written:
        theirs, sign, ours = text.rpartition("=")
        theirs, ours = theirs.strip(), ours.strip().lower()
        if not sign or not theirs or not ours:
            raise ConfigError(
                f"--map {text!r} is not of the form theirs=ours.", "Write --map dob=birth_date."
            )
        if ours not in KNOWN:
            raise ConfigError(
                f"--map {text!r}: {ours!r} is no known column.",
                f"Known ones: {', '.join(KNOWN)}; or use --also.",
            )
        if mapping.get(theirs, ours) != ours:
            raise ConfigError(f"--map: {theirs!r} is mapped to two columns.", "Map it to one.")
        mapping[theirs] = ours
    return mapping


def check_present(wanted: Sequence[str], option: str, headers: Sequence[str]) -> None:
    """Raises ConfigError where a column of `option` is in none of the files."""
    for name in wanted:
        if name not in headers:
            raise ConfigError(
                f"{option} names column {name!r}, and no file has it.",
                f"Columns there: {', '.join(headers)}.",
            )
