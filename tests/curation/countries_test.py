import numpy as np
import pytest

from keras_sketch.curation.countries import countries, country_centroids, find_country
from keras_sketch.curation.great_circles import haversine_km
from keras_sketch.errors import UnknownNameError

# The folders of Kaggle's "Geolocation - Geoguessr Images (50K)".
KAGGLE = """Aland, Albania, American Samoa, Andorra, Antarctica, Argentina, Armenia, Australia, Austria, Bangladesh,
Belarus, Belgium, Bermuda, Bhutan, Bolivia, Botswana, Brazil, Bulgaria, Cambodia, Canada, Chile, China, Colombia,
Costa Rica, Croatia, Curacao, Czechia, Denmark, Dominican Republic, Ecuador, Egypt, Estonia, Eswatini, Faroe Islands,
Finland, France, Germany, Ghana, Gibraltar, Greece, Greenland, Guam, Guatemala, Hong Kong, Hungary, Iceland, India,
Indonesia, Iraq, Ireland, Isle of Man, Israel, Italy, Japan, Jersey, Jordan, Kenya, Kyrgyzstan, Laos, Latvia, Lebanon,
Lesotho, Lithuania, Luxembourg, Macao, Madagascar, Malaysia, Malta, Martinique, Mexico, Monaco, Mongolia, Montenegro,
Mozambique, Myanmar, Nepal, Netherlands, New Zealand, Nigeria, North Macedonia, Northern Mariana Islands, Norway,
Pakistan, Palestine, Paraguay, Peru, Philippines, Pitcairn Islands, Poland, Portugal, Puerto Rico, Qatar, Reunion,
Romania, Russia, San Marino, Senegal, Serbia, Singapore, Slovakia, Slovenia, South Africa,
South Georgia and South Sandwich Islands, South Korea, South Sudan, Spain, Sri Lanka, Svalbard and Jan Mayen, Sweden,
Switzerland, Taiwan, Tanzania, Thailand, Tunisia, Turkey, US Virgin Islands, Uganda, Ukraine, United Arab Emirates,
United Kingdom, United States, Uruguay, Venezuela, Vietnam"""
FOLDERS = [name.strip() for name in KAGGLE.replace("\n", " ").split(",")]


@pytest.mark.parametrize("respelled", [str, str.upper, lambda name: name.lower().replace(" ", "_"), "  {} ".format])
def test_every_folder_of_kaggle_is_a_country_of_that_name(respelled):
    assert len(FOLDERS) == 124
    assert [find_country(respelled(name)).name for name in FOLDERS] == FOLDERS


@pytest.mark.parametrize(
    "text, code",
    [
        ("Czech Republic", "CZ"),
        ("Swaziland", "SZ"),
        ("Burma", "MM"),
        ("Macau", "MO"),
        ("UK", "GB"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("United_States_of_America", "US"),
        ("us", "US"),
        ("fra", "FR"),
        ("Türkiye", "TR"),
        ("Tu\u0308rkiye", "TR"),
        ("Turkiye", "TR"),
        ("Côte d'Ivoire", "CI"),
        ("Cote d’Ivoire", "CI"),
        ("Cote_d_Ivoire", "CI"),
        ("Jan Mayen", "SJ"),
        ("São Tomé", "ST"),
        ("Åland Islands", "AX"),
        ("A\u030aland", "AX"),
        ("Curaçao", "CW"),
        ("Réunion", "RE"),
        ("Faeroe Islands", "FO"),
        ("Georgia", "GE"),
        ("South Georgia & South Sandwich Islands", "GS"),
        ("South Georgia and the South Sandwich Islands", "GS"),
        ("Republic of Korea", "KR"),
        ("North Korea", "KP"),
        ("Congo", "CG"),
        ("DR Congo", "CD"),
        ("Niger", "NE"),
        ("Guinea-Bissau", "GW"),
        ("The Bahamas", "BS"),
        ("St. Lucia", "LC"),
        ("Bosnia & Herzegovina", "BA"),
        ("U.S. Virgin Islands", "VI"),
        ("Samoa", "WS"),
        ("AND", "AD"),
        ("Kosovo", "XK"),
    ],
)
def test_other_spellings_are_known(text, code):
    assert find_country(text).code == code


@pytest.mark.parametrize(
    "text, nearest",
    [
        ("Frnace", "France"),
        ("czech_repulic", "Czechia"),
        ("GERMNY", "Germany"),
        ("Cote d'Ivore", "Ivory Coast"),
        ("swazilnd", "Eswatini"),
    ],
)
def test_an_unknown_name_names_the_nearest(text, nearest):
    with pytest.raises(UnknownNameError, match="Did you mean") as caught:
        find_country(text)
    assert str(caught.value).startswith(f"Unknown country {text!r}. Did you mean '{nearest}'? There are 250; nearest: ")
    assert caught.value.nearest == nearest


@pytest.mark.parametrize("text", ["", "the", "_", "Atlantis", "compressed_dataset"])
def test_what_is_no_country_is_none(text):
    with pytest.raises(UnknownNameError, match="Unknown country"):
        find_country(text)


def test_every_code_name_and_alias_leads_to_its_own_country():
    spellings = [(text, each) for each in countries() for text in (each.code, each.name, *each.aliases)]
    assert [find_country(text) for text, _ in spellings] == [each for _, each in spellings]


def test_the_table_is_whole():
    assert len(countries()) == 250
    codes, names = [each.code for each in countries()], [each.name for each in countries()]
    assert codes == sorted(set(codes))
    assert len(set(names)) == 250
    assert all(name == name.strip() and name.isascii() for name in names)
    assert {len(each.aliases[0]) for each in countries()} == {3}
    assert {each.continent for each in countries()} == {
        *("Africa", "Antarctica", "Asia", "Europe", "North America", "Oceania", "South America")
    }


# A town near the middle of the main land, and how many km around it the place may be.
@pytest.mark.parametrize(
    "name, latitude, longitude, km",
    [
        ("France", 47.08, 2.40, 100),  # Bourges
        ("United States", 39.83, -98.58, 50),  # Lebanon, Kansas
        ("Norway", 63.43, 10.40, 150),  # Trondheim
        ("Netherlands", 52.16, 5.39, 50),  # Amersfoort
        ("Chile", -35.43, -71.67, 200),  # Talca
        ("Russia", 64.27, 100.22, 300),  # Tura
        ("New Zealand", -43.88, 170.63, 50),  # Mount Cook
        ("Australia", -25.61, 134.35, 50),
        ("Fiji", -17.80, 178.00, 30),
        ("Martinique", 14.65, -61.00, 15),
        ("Svalbard and Jan Mayen", 78.22, 15.65, 100),
        ("Vatican City", 41.90, 12.45, 2),
        ("South Africa", -29.11, 26.21, 200),  # Bloemfontein
        ("Ecuador", -1.25, -78.62, 60),  # Ambato
    ],
)
def test_places_are_on_the_main_land(name, latitude, longitude, km):
    country = find_country(name)
    assert haversine_km((country.latitude, country.longitude), (latitude, longitude)) < km


def test_places_are_finite_and_no_two_alike():
    places = country_centroids([each.name for each in countries()])
    assert places.shape == (250, 2)
    assert (np.abs(places) <= (90, 180)).all()
    apart = haversine_km(places[:, None], places) + np.diag([np.inf] * 250)
    assert apart.min() > 3


def test_centroids_are_for_canonical_names_alone():
    norway, japan = find_country("NO"), find_country("Japan")
    places = country_centroids(("Japan", "Norway"))
    assert places.dtype == np.float64
    assert places.tolist() == [[japan.latitude, japan.longitude], [norway.latitude, norway.longitude]]
    assert country_centroids(["Japan", "cat"]) is None
    assert country_centroids(["Japan", "norway"]) is None
    assert country_centroids([]) is None
