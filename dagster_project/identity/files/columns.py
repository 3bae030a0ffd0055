"""Which column of a file is what: headers recognised by name, mapped by the user, or left out.

Belongs here: known names of columns and the choice among them. Does not belong here: what is done with them
(compare.py) and reading of files (read.py).
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
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
    "source_record_id": "recordid recid rec_id id uniqueid uid rowid customerid clientid personid sourceid key ид код"
    " customernumber customerno identifiant kundennummer kundennr numeroclient codigocliente codicecliente",
    "full_name": "name fullname customername clientname contactname personname fio фио имяфамилия фамилияимя"
    " фамилияимяотчество firstandsurname nombrecompleto nombreyapellidos vollername полноеимя клиент"
    " nomcomplet nomprenom nometprenom nomecompleto nomecognome imieinazwisko adsoyad naam volledigenaam"
    " nominativo nomeecognome cognomeenome adisoyadi adivesoyadi navn namn fuldenavn fulltnavn lastfirst"
    " firstlast donorname lastnamefirstname firstnamelastname піб прізвищеімяпобатькові прозвішчаімяімяпабацьку атыжөні",
    "given_name": "givenname firstname forename first fname christianname имя vorname vornamen nombre nombres prenom prenoms"
    " nome imie imiona isim adi voornaam fornavn fornamn rufname firstnames forenames givennames voorletters"
    " roepnaam primeironome імя аты",
    "middle_name": "middlename secondname middle patronymic отчество zweitername middleinitial mi segundonombre drugieimie"
    " ikinciad deuxiemeprenom mellemnavn mellomnavn mellannamn побатькові імяпабацьку әкесініңаты",
    "family_name": "familyname surname lastname last lname secondsurname фамилия nachname familienname zuname apellido"
    " apellidos apellidopaterno primerapellido apellido1 nom nomdefamille cognome sobrenome apelido nazwisko soyad soyadi"
    " soyisim achternaam efternamn etternavn efternavn ultimonome прізвище прозвішча тегі",
    "gender": "gender sex пол geschlecht sexo sexe sesso plec cinsiyet geslacht kon kjonn стать жынысы",
    "birth_date": "birthdate dateofbirth dob birthday born bday датарождения деньрождения др geburtsdatum geburtstag"
    " fechanacimiento fechadenacimiento datedenaissance datenaissance datadinascita datanascita"
    " datadenascimento datanascimento dataurodzenia dogumtarihi geboortedatum fodselsdato fodelsedatum"
    " nascimento датанародження датанараджэння туғанкүні",
    "birth_year": "birthyear yearofbirth yob годрождения geburtsjahr anneedenaissance anneenaissance anodenacimiento"
    " annodinascita anodenascimento rokurodzenia dogumyili geboortejaar fodselsar fodelsear рікнародження"
    " годнараджэння туғанжылы",
    "phone": "phone phonenumber telephone tel mobile mobilephone mobilenumber cell cellphone phone1 primaryphone"
    " contactnumber msisdn телефон тел мобильный мобильныйтелефон телефонмобильный мобильныйномер"
    " номермобильного сотовый сотовыйтелефон телефонсотовый номертелефона номермобильноготелефона"
    " домашнийтелефон телефондомашний контактныйтелефон telefon telefonnummer telefonnr telefono telefonomovil"
    " handy handynummer mobil mobiltelefon movil celular cellulare telefone telemovel portable"
    " numerodetelephone numertelefonu nrtelefonu telefonnumarasi ceptelefonu gsm telefoon telefoonnummer"
    " phoneno mobileno mobiel mobielnummer mobilnummer telno contactno ceptel cepno номертелефону"
    " телефоны ұялытелефон",
    "email": "email emailaddress mail primaryemail почта электроннаяпочта элпочта эпочта емейл имейл correo"
    " correoelectronico emailadresse mailadresse courriel adressemail adresseemail adresmail adresemail eposta"
    " postaelettronica emailadres epost epostadresse epostadress електроннапошта пошта",
    "loyalty_card": "loyaltycard loyaltynumber cardnumber loyaltyid loyaltyno bonuscard карталояльности"
    " карта номеркарты номеркартылояльности бонуснаякарта дисконтнаякарта номербонуснойкарты бонуснойкарты"
    " номердисконтнойкарты дисконтнойкарты картылояльности kundenkarte"
    " kundenkartennummer cartedefidelite tarjetadefidelidad cartafedelta kartalojalnosciowa sadakatkarti",
    "tax_id": "taxid inn инн",
    "national_id": "socsecid ssn socialsecuritynumber socialsecurity ssnlast4 last4ssn nationalid passport"
    " passportnumber nin nino personalid снилс паспорт dni pesel cpf codicefiscale tckimlikno",
    "street": "street address streetaddress address1 addr1 addressline1 addressline streetname адрес адресдоставки"
    " адреспроживания домашнийадрес улица strasse anschrift adresse rue direccion domicilio calle indirizzo"
    " endereco rua morada ulica adres straat homeaddress straatnaam logradouro адреса адрас мекенжайы",
    "address_2": "address2 addressline2 addr2 street2 apartment квартира номерквартиры adresszusatz complementadresse"
    " nrmieszkania toevoeging complemento",
    "house": "house housenumber streetnumber streetno houseno дом номердома hausnummer hausnr nrdomu numerdomu kapino"
    " huisnummer civico numerocivico huisnr husnummer",
    "suburb": "suburb district borough район stadtteil ortsteil quartier barrio bairro dzielnica mahalle ilce semt",
    "city": "city town locality cityname город населенныйпункт ort stadt ciudad wohnort ville commune localite"
    " poblacion localidad municipio citta comune cidade localidade miasto miejscowosc sehir gemeinde stad"
    " woonplaats localita plaats plaatsnaam poststed postort il місто горад қала",
    "postcode": "postcode postalcode zip zipcode zip5 plz postleitzahl индекс почтовыйиндекс codigopostal codepostal"
    " kodpocztowy postakodu postcodefake postnummer postnr pincode eircode cap поштовийіндекс паштовыіндэкс",
    "state": "state st province region county область регион bundesland provincia departement wojewodztwo kanton prov"
    " uf estado provincie",
    "country": "country countrycode countryname страна land pais pays paese kraj ulke",
    "birth_place": "birthplace placeofbirth местрождения месторождения geburtsort lieudenaissance lieunaissance"
    " lugardenacimiento luogodinascita localdenascimento miejsceurodzenia dogumyeri",
    "occupation": "occupation job jobtitle profession профессия beruf profesion ocupacion professione profissao zawod"
    " metier meslek",
    "messenger_kind": "messengerkind messenger мессенджер",
    "messenger_id": "messengerid telegramid chatid idчата идчата",
    "login_id": "loginid login username логин userid benutzername",
    "parent_record_id": "parentrecordid parentid",
    "is_company": "iscompany company_flag",
    "created_at": "createdat created createddate datecreated",
    "updated_at": "updatedat updated updateddate datemodified modifiedat",
    "deleted_at": "deletedat deleted",
}


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Whose column it is tells nothing: patient_last_name.
_OWNERS = _words_of(
    "patient member customer client cliente kunde kunden klient klienta person user contact billing"
    " клиент покупатель пациент контакт контактное лицо заказчик абонент гость"
    " клиента покупателя пациента контакта заказчика абонента владельца гостя"
)
# What may stand in brackets and change nothing: Пол (М/Ж), Name (Last, First).
_REMARKS = _words_of(
    "при наличии если есть обязательно м ж дд мм гг гггг last first m f dd mm yy yyyy optional required"
)
# Neither does which of several it is: адрес фактического проживания.
_WHICH = _words_of(
    "проживания жительства фактического фактический регистрации прописки места основной основная личный"
    " личная контактный контактная home mailing postal primary"
)
# But a contact's source is no source_system, and a deleted user no deleted record.
_OF_THE_RECORD = frozenset(
    ("source_system", "parent_record_id", "is_company", "created_at", "updated_at", "deleted_at", "state")
)
# Of languages where one word is a first name beside a surname, and a name in full by itself.
_ALONE_IN_FULL = ("nome", "nombre", "isim")
_SURNAMES = ("apellid", "apelid", "cognome", "sobrenome", "soyad", "soyisim")
_BESIDE_A_SURNAME = ("vorname", "vornamen", "rufname", "prenom", "prenoms", "voornaam", "fornavn", "fornamn")
_IN_SHORT = {
    **{"dt": "date", "addr": "address", "nbr": "number"},
    **{"рожд": "рождения", "моб": "мобильный", "сот": "сотовый", "тел": "телефон", "адр": "адрес"},
    **{"эл": "электронная", "нас": "населенный", "фам": "фамилия", "отч": "отчество", "ном": "номер"},
}
# Letters that are no letter with a sign on it; й and ё are, and lose it on both sides.
_LETTERS = str.maketrans({"ß": "ss", "ł": "l", "ı": "i", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"})


def _bare(header: str) -> str:
    """`header` without signs and accents, in lower case."""
    plain = unicodedata.normalize("NFKD", header.lower().translate(_LETTERS))
    return re.sub(r"[\W_]+", "", "".join(c for c in plain if not unicodedata.combining(c)))


def _meant(header: str) -> str:
    """The same of its words, without whose and which it is, and with what is in short spelt out."""
    kept = [_IN_SHORT.get(word, word) for word in _words(header) if word not in _OWNERS | _WHICH]
    return _bare("".join(kept))


def _words(header: str) -> list[str]:
    """In lower case, without remarks in brackets that change nothing."""

    def kept(bracket: re.Match[str]) -> str:
        words = re.findall(r"[^\W\d_]+", bracket[1].lower())
        return " " if set(words) <= _REMARKS else bracket[0]

    plain = re.sub(r"\(([^)]*)\)", kept, header)
    spaced = re.sub(r"(?<=[^\W\d_A-ZА-ЯЁ])(?=[A-ZА-ЯЁ])", " ", plain)
    return re.findall(r"[^\W_]+", spaced.lower().replace("ё", "е"))


def _says_whose(header: str) -> bool:
    """Does it say that, and not what it is (Покупатель)?"""
    words = set(_words(header))
    return bool(words) and words <= _OWNERS


def _is_of_names(values: Sequence[str | None]) -> bool:
    """Are these mostly names: words of letters alone, often two and more?"""
    told = [value.strip() for value in values if value and value.strip()]
    words = [value for value in told if re.fullmatch(r"[^\W\d_]+([ .,'’-]+[^\W\d_]+)*\.?", value)]
    several = sum(" " in value for value in words)
    return len(words) >= 0.6 * len(told) and several >= 0.3 * len(told) > 0


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


def choose(
    headers: Sequence[str],
    mapping: Mapping[str, str],
    also: Sequence[str],
    file: str,
    sample: Callable[[str], Sequence[str | None]] | None = None,
) -> Columns:
    """What each header of `file` is. mapping: theirs → ours; those that the file lacks are not looked for here.

    sample: some values of a column, for headers that tell whose it is and not what (Покупатель).
    """
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
    # A column with the very name comes before one that is called so, and that before one that merely means it.
    for read, exact in ((_bare, True), (_bare, False), (_meant, False)):
        for header in rest:
            ours = _BY_HEADER.get(read(header), "")
            if read is _meant and ours in _OF_THE_RECORD:
                continue
            is_free = ours not in result.taken and header not in result.taken.values()
            if ours and is_free and (_bare(ours) == _bare(header)) == exact:
                result.taken[ours] = header
    if sample and not {"full_name", "given_name", "family_name"} & result.taken.keys():
        free = (header for header in rest if header not in result.taken.values() and _says_whose(header))
        for header in [header for header in free if _is_of_names(sample(header))][:1]:
            result.taken["full_name"] = header
    # Beside a Vorname or a Prénom, the Name is the surname.
    name, given = (result.taken.get(ours, "") for ours in ("full_name", "given_name"))
    is_surname = _bare(name) in ("name", "naam") and _bare(given) in _BESIDE_A_SURNAME
    if is_surname and name not in mapped and "family_name" not in result.taken:
        result.taken["family_name"] = result.taken.pop("full_name")
    # A surname that is not understood is there all the same.
    is_alone = not {"family_name", "full_name"} & result.taken.keys() and not any(
        part in _bare(header) for header in rest for part in _SURNAMES
    )
    if _bare(given) in _ALONE_IN_FULL and given not in mapped and is_alone:
        result.taken["full_name"] = result.taken.pop("given_name")
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
