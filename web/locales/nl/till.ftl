# De woorden van de kassa. Korte, gewone woorden (B1). Aan de kant van de cliënt staat nooit een reden.

page-title = Kassa
to-content = Naar de tegels

## Bovenaan
state-here = Verbonden
state-away = Werkt zonder verbinding
state-away-since = Werkt zonder verbinding sinds { $since }
state-unknown = Nog geen verbinding
state-gone = Kassa niet bereikbaar
state-title = Hoe gaat het met de kassa?
state-here-help = De kassa heeft verbinding met de centrale.
state-away-help = De kassa verkoopt gewoon door. Zodra er verbinding is, stuurt hij alles na.
state-unknown-help = De kassa zoekt nog verbinding met de centrale.
state-no-notices = Er zijn geen meldingen.
waiting-one = 1 verkoop wacht
waiting-many = { $count } verkopen wachten
gone = Deze pagina kan de kassa op dit apparaat niet bereiken. Er wordt niets verkocht. De pagina probeert het steeds opnieuw.
gone-help = Staat de kassa aan? Start hem anders opnieuw.
revoked = Deze kassa is ingetrokken en verkoopt niet meer. Bel beheer.
loading = De kassa wordt gestart.
notices = Meldingen
notices-more = Alle meldingen
history = Bonnen
staff = Medewerker
settings = Instellen
help = Hulp
close = Sluiten
understood = Gezien

## Tegels
search = Zoek een dienst
categories = Soorten
all = Alles
other = Overig
services = Diensten
found-none = Niets gevonden. Probeer een ander woord.
found-one = 1 gevonden
found-many = { $count } gevonden
nothing-sold = Er is nog niets om te verkopen. Zodra er verbinding is, haalt de kassa de prijzen op.
up-to = tot { $amount }
free = gratis
age-mark = 18+
on-bill = { $count } op de bon
unknown-barcode = Streepjescode { $code } is hier niet bekend.
added = { $name }, { $count } op de bon

## Bon
bill = Bon
bill-empty = Tik op een tegel om te beginnen.
clear = Leeg
cleared = De bon is leeg.
less = { $name }: één minder
more = { $name }: één meer
taken-off = { $name } is van de bon.
at-most = hoogstens
at-most-help = alleen voor de medewerker
pay = Afrekenen
by-name = Op naam
show-bill = Toon de bon
items-one = 1 stuk
items-many = { $count } stuks
repeat-last = Laatste bon nog eens

## Leeftijd
age-question = Is de koper 18 of ouder?
age-help = We vragen dit één keer per bon.
age-yes = Ja, 18 of ouder
age-no = Nee, niet verkopen

## Betalen
pay-region = Betalen
for-staff = Voor de medewerker
on-this-bill = Op deze bon
cancel = Stoppen
tray = Pasjes om te proberen
tray-help = Dit is een proefkassa: kies welk pasje u voorhoudt.
pin-entry = Pincode
pin-digits = { $count } cijfers ingevuld
pin-ready = Klaar
pin-delete = Wis laatste cijfer
pin-without = Zonder pincode
pin-tries-one = U kunt het nog 1 keer proberen.
pin-tries-many = U kunt het nog { $count } keer proberen.
offline-sale = Verkocht zonder verbinding. De kassa stuurt dit later na.

## Antwoord
left-out-title = Niet betaald:
next-client = Volgende klant
next-help = of tik meteen op een tegel
back-to-bill = Terug naar de bon
once-more = Nog eens hetzelfde
messages-one = 1 bericht
messages-many = { $count } berichten
line-sold = verkocht
line-left-out = niet verkocht
line-free = kost niets
reason = Reden
number = Nummer
book-date = Boekdatum
total = Totaal
to-shelf = Terug op de plank
on-shelf = Ligt weer op de plank
new-bill = Op een nieuwe bon

## Bonnen
history-title = Laatste bonnen
history-empty = Er is nog niets verkocht.
outcome-approved = betaald
outcome-approved_in_part = deels betaald
outcome-declined = niet verkocht
outcome-offline = betaald, wacht op verbinding
outcome-voided = geannuleerd
sell-again = Sla dit nog eens aan
void = Annuleer hele bon
void-sure = De hele bon annuleren?
void-yes = Ja, annuleer
void-no = Nee, laat staan
undo-asked = De kassa geeft dit terug.
refund = Neem iets terug
refund-title = Wat komt er terug?
refund-do = Boek terug

## Op naam
by-name-title = Op naam noteren
by-name-help = Voor zorg en maaltijden, als er geen pasje is.
client-search = Naam van de cliënt
clients-none = Niemand gevonden. Probeer een deel van de naam.
clients-type = Typ twee letters of meer.
clients-found = { $count } gevonden
client-number = nr. { $number }
empty-first = Zet eerst iets op de bon.

## Medewerker
staff-title = Medewerker
staff-none = Er is niemand aangemeld.
staff-on = Aangemeld: { $name }
staff-code = Uw code
staff-sign-off = Afmelden
staff-needed = Meld u eerst aan. Dan weet de kassa wie het noteert.

## Instellen
settings-title = Instellen
language = Taal
theme = Licht of donker
theme-auto = Zoals het apparaat
theme-light = Licht
theme-dark = Donker
sound = Zacht geluid bij het antwoord
speech = Spreek het antwoord uit
shortcuts = Sneltoetsen / en ?
on = Aan
off = Uit
client-screen = Open het scherm voor de cliënt

## Hulp
help-title = Hulp en toetsen
help-sell = Tik op tegels. Tik nog eens voor meer. Tik op Afrekenen en laat het pasje voorhouden.
help-after = Na het antwoord tikt u gewoon op een tegel voor de volgende klant.
help-scanner = Een streepjescode scannen kan altijd, behalve als u in een vak typt.
key-enter = afrekenen, of volgende klant
key-pay = afrekenen, ook vanaf een knop
key-escape = stoppen of sluiten
key-search = zoeken
key-help = deze hulp
key-arrows = van tegel naar tegel
key-by-name = op naam
key-history = bonnen
key-clear = bon leegmaken
key-quantity = laatste tegel meer of minder

## Kant van de cliënt
client-idle = Welkom
failed = Dat lukte niet. Probeer het nog eens.
