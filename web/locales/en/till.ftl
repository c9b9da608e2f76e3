# The words of the till. Short, plain words (B1). The client's side never tells a reason.

page-title = Till
to-content = To the tiles

## At the top
state-here = Connected
state-away = Working without a connection
state-away-since = Working without a connection since { $since }
state-unknown = No connection yet
state-gone = Till cannot be reached
state-title = How is the till?
state-here-help = The till is connected to the service.
state-away-help = The till goes on selling. As soon as there is a connection, it sends everything.
state-unknown-help = The till is still looking for the service.
state-no-notices = There are no notices.
waiting-one = 1 sale waits
waiting-many = { $count } sales wait
gone = This page cannot reach the till on this device. Nothing is sold. The page keeps trying.
gone-help = Is the till running? If not, start it again.
revoked = This till was withdrawn and sells nothing any more. Call the office.
loading = The till is starting.
notices = Notices
notices-more = All notices
history = Sales
staff = Staff
settings = Settings
help = Help
close = Close
understood = Seen

## Tiles
search = Search a service
categories = Categories
all = All
other = Other
services = Services
found-none = Nothing found. Try another word.
found-one = 1 found
found-many = { $count } found
nothing-sold = There is nothing to sell yet. The till reads the prices as soon as there is a connection.
up-to = up to { $amount }
free = free
age-mark = 18+
on-bill = { $count } on the bill
unknown-barcode = Barcode { $code } is not known here.
added = { $name }, { $count } on the bill

## Bill
bill = Bill
bill-empty = Touch a tile to begin.
clear = Clear
cleared = The bill is empty.
less = { $name }: one less
more = { $name }: one more
taken-off = { $name } is off the bill.
at-most = at most
at-most-help = for staff only
pay = Pay
by-name = By name
show-bill = Show the bill
items-one = 1 item
items-many = { $count } items
repeat-last = Last bill once more

## Age
age-question = Is the buyer 18 or older?
age-help = We ask this once for each bill.
age-yes = Yes, 18 or older
age-no = No, do not sell

## Paying
pay-region = Paying
for-staff = For staff
on-this-bill = On this bill
cancel = Stop
tray = Cards to try
tray-help = This is a demonstration till: choose the card that is held up.
pin-entry = PIN
pin-digits = { $count } digits entered
pin-ready = Ready
pin-delete = Delete the last digit
pin-without = Without PIN
pin-tries-one = You can try 1 more time.
pin-tries-many = You can try { $count } more times.
offline-sale = Sold without a connection. The till sends this later.

## Answer
left-out-title = Not paid:
next-client = Next customer
next-help = or touch a tile right away
back-to-bill = Back to the bill
once-more = The same once more
messages-one = 1 message
messages-many = { $count } messages
line-sold = sold
line-left-out = not sold
line-free = free
reason = Reason
number = Number
book-date = Book date
total = Total
to-shelf = Back on the shelf
on-shelf = Is back on the shelf
new-bill = On a new bill

## Sales
history-title = Last sales
history-empty = Nothing was sold yet.
outcome-approved = paid
outcome-approved_in_part = paid in part
outcome-declined = not sold
outcome-offline = paid, waits for a connection
outcome-voided = void
sell-again = Ring this up again
void = Void the whole sale
void-sure = Void the whole sale?
void-yes = Yes, void it
void-no = No, leave it
undo-asked = The till gives this back.
refund = Take something back
refund-title = What comes back?
refund-do = Refund

## By name
by-name-title = Register by name
by-name-help = For care and meals, when there is no card.
client-search = Name of the client
clients-none = Nobody found. Try a part of the name.
clients-type = Type two letters or more.
clients-found = { $count } found
client-number = no. { $number }
empty-first = Put something on the bill first.

## Staff
staff-title = Staff
staff-none = Nobody is signed on.
staff-on = Signed on: { $name }
staff-code = Your code
staff-sign-off = Sign off
staff-needed = Please sign on first, so that the till knows who registers this.

## Settings
settings-title = Settings
language = Language
theme = Light or dark
theme-auto = As the device
theme-light = Light
theme-dark = Dark
sound = Soft sound with the answer
speech = Speak the answer
shortcuts = Shortcut keys / and ?
on = On
off = Off
client-screen = Open the client's screen

## Help
help-title = Help and keys
help-sell = Touch tiles. Touch again for more. Touch Pay and ask for the card.
help-after = After the answer, simply touch a tile for the next customer.
help-scanner = A barcode can be scanned at any time, except while you type in a field.
key-enter = pay, or next customer
key-pay = pay, from a button too
key-escape = stop or close
key-search = search
key-help = this help
key-arrows = from tile to tile
key-by-name = by name
key-history = sales
key-clear = clear the bill
key-quantity = last tile more or less

## The client's side
client-idle = Welcome
failed = That did not work. Please try again.
