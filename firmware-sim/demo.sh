#!/usr/bin/env bash
# The demo's story: a service with a fictitious organisation, and its sales as tills show them. `./dev demo` runs it.
#
# Each step says beforehand what must come, runs the real programs, and compares the answer that the till got, leg by leg.
# A step that went otherwise is shown, counted, and makes the script end with 1.
set -euo pipefail

# The programs, and what was typed after `./dev demo`.
readonly programs="$1"
shift
readonly pasje="$programs/pasje" simulator="$programs/firmware-sim"
# From the start until the demo organisation can sell.
readonly ready_seconds_max=15
readonly staff=00000000-0000-4000-8000-00000000d3e0
readonly menu="Koffie,Thee,Soep van de dag,Broodmaaltijd,Warme maaltijd,Appeltaart,Glas wijn,Glas bier"
readonly terminals_at_lunch=(linde-kassa-1 linde-kassa-2 wilg-kassa-1 wilg-kassa-2)

is_once=false
lunch_seconds=25
# where data, log and the files of cards and terminals are
folder=""
service_pid=""
# a till that waits to be let in
enrolling_pid=""
# the till that serves its page, and where
page_pid=""
till_page=""
steps=0
wrong=()
is_told=true

main() {
    local is_stop=false
    while [ $# -gt 0 ]; do
        case "$1" in
            --once) is_once=true ;;
            --stop) is_stop=true ;;
            --lunch-seconds)
                lunch_seconds="${2:-}"
                [[ "$lunch_seconds" =~ ^[1-9][0-9]*$ ]] || not_understood "--lunch-seconds wants a number"
                shift
                ;;
            *) not_understood "demo has no option '$1'" ;;
        esac
        shift
    done
    # a server or a port that the environment names is somebody's
    unset DATABASE_URL DATABASE_OWNER_URL PASJE_DATA PASJE_LISTEN PASJE_LISTEN_TLS PASJE_METRICS PASJE_AUTHORITIES PASJE_ADDRESS_RATE \
        PASJE_TERMINAL_RATE PASJE_LANES PASJE_KEYS PASJE_KEYS_SEAL CREDENTIALS_DIRECTORY
    colours
    if "$is_stop"; then
        folder="$(lasting_folder)"
        stop_earlier || echo "No demo service runs in $folder."
        return
    fi
    trap at_exit EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    begin
    lunch
    story
    finish
}

not_understood() {
    printf './dev: %s\n' "$1" >&2
    exit 2
}

# Colour comes on top of words and signs, never instead of them.
colours() {
    bold="" green="" red="" quiet="" plain=""
    if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
        bold=$'\e[1m' green=$'\e[32m' red=$'\e[1;31m' quiet=$'\e[2m' plain=$'\e[0m'
    fi
}

chapter() { printf '\n%s%s\n%s%s\n' "$bold" "$1" "${1//?/═}" "$plain"; }

# Text in lines of a terminal's width, after a sign: `say '  ' TEXT`.
say() {
    local indent="${1//?/ }"
    fold -s -w $((78 - ${#1})) <<<"$2" | sed "1s/^/$1/; 2,\$s/^/$indent/; s/ *\$//"
}

# What comes next, and who needs time to read it gets it.
step() {
    if ! is_service "$service_pid"; then
        echo "./dev: the service is gone" >&2
        exit 1
    fi
    steps=$((steps + 1))
    printf '\n%s' "$bold"
    say "$(printf '%2d. ' "$steps")" "$1"
    printf '%s' "$plain"
    told="$1"
    is_told=true
    if [ -t 1 ]; then sleep 0.7; fi
}

as_told() {
    printf '%s' "$green"
    say '  ✔ as told: ' "$1"
    printf '%s' "$plain"
}

# Once a step, however much of it is wrong.
not_as_told() {
    printf '%s' "$red"
    say '  ✘ NOT AS TOLD: ' "$1"
    printf '%s' "$plain"
    if "$is_told"; then wrong+=("$steps. $told"); fi
    is_told=false
}

# --- The service -----------------------------------------------------------------------------------------------------

# Beside the sources, unless root's PostgreSQL cannot get there.
lasting_folder() {
    local user="${PASJE_PG_USER:-postgres}"
    if [ "$(id -u)" -eq 0 ] && ! runuser -u "$user" -- test -x "$PWD" 2>/dev/null; then
        echo /var/tmp/pasje-demo
    else
        echo "$PWD/pasje-demo"
    fi
}

# Whether this is the process that a demo started: a pid alone may be anybody's by now.
is_service() {
    [ -r "/proc/$1/cmdline" ] && [[ "$(tr '\0' '\n' <"/proc/$1/cmdline")" == *"pasje"*$'\n'"$folder/data"$'\n'"serve"* ]]
}

stop_service() {
    local pid="$1"
    kill "$pid" 2>/dev/null || return 0
    for _ in {1..300}; do
        is_service "$pid" || return 0
        sleep 0.1
    done
    printf './dev: the demo service (process %s) does not stop\n' "$pid" >&2
    return 1
}

# Whether this is the till that a demo started.
is_page() {
    [ -r "/proc/$1/cmdline" ] && [[ "$(tr '\0' '\n' <"/proc/$1/cmdline")" == *"firmware-sim"*$'\n'"$folder/page"$'\n'* ]]
}

stop_page() {
    is_page "$1" || return 0
    kill "$1" 2>/dev/null || return 0
    for _ in {1..100}; do
        is_page "$1" || return 0
        sleep 0.1
    done
}

# Stops what an earlier demo left running here. False if there was nothing.
stop_earlier() {
    local pid
    if pid="$(cat "$folder/page.pid" 2>/dev/null)"; then
        stop_page "$pid"
        rm -f "$folder/page.pid"
    fi
    pid="$(cat "$folder/service.pid" 2>/dev/null)" && is_service "$pid" || return 1
    stop_service "$pid" || exit 1
    rm -f "$folder/service.pid"
    echo "Stopped the demo service of an earlier run (process $pid)."
}

at_exit() {
    local status=$?
    trap - EXIT INT TERM HUP
    if [ -n "$enrolling_pid" ]; then kill "$enrolling_pid" 2>/dev/null || true; fi
    if [ -n "$page_pid" ]; then stop_page "$page_pid"; fi
    if [ -n "$service_pid" ]; then
        if [ $status -gt 128 ]; then printf '\nStopping the demo.\n'; fi
        if is_service "$service_pid"; then stop_service "$service_pid" || status=1; fi
        rm -f "$folder/service.pid"
        if [ $status -ne 0 ] && [ $status -le 128 ]; then
            printf 'The last lines of %s:\n' "$folder/service.log" >&2
            tail -n 10 "$folder/service.log" >&2
            if "$is_once"; then echo "What the demo left is in $folder." >&2; fi
            exit "$status"
        fi
    fi
    if "$is_once" && [ -n "$folder" ]; then rm -rf "$folder"; fi
    exit "$status"
}

# Fills `folder`: made anew, but only where what is there was made by a demo.
make_folder() {
    if "$is_once"; then
        folder="$(mktemp -d "${TMPDIR:-/tmp}/pasje-demo.XXXXXXXX")"
    else
        folder="$(lasting_folder)"
        stop_earlier || true
        if [ -e "$folder" ] && [ ! -e "$folder/made-by-dev-demo" ]; then
            printf './dev: %s is there, and no demo made it: move it away\n' "$folder" >&2
            exit 1
        fi
        rm -rf "$folder"
        mkdir "$folder"
    fi
    # the account that runs PostgreSQL for root passes through
    chmod 711 "$folder"
    touch "$folder/made-by-dev-demo"
}

# A port's address, or any free one where somebody listens there.
free_address() {
    if "$is_once"; then
        echo 127.0.0.1:0
    elif (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        echo "Port $1 is taken on this machine: the demo uses another." >&2
        echo 127.0.0.1:0
    else
        echo "127.0.0.1:$1"
    fi
}

begin() {
    local started_ms now_ms
    started_ms="$(date +%s%3N)"
    make_folder
    chapter "Pasje: a service with a fictitious organisation"
    local listen metrics
    listen="$(free_address 8080)"
    metrics="$(free_address 9464)"
    # in a session of its own: neither Ctrl-C nor a closed window ends it unasked
    setsid "$pasje" --data "$folder/data" serve --listen "$listen" --metrics "$metrics" \
        >"$folder/service.out" 2>"$folder/service.log" </dev/null &
    service_pid=$!
    echo "$service_pid" >"$folder/service.pid"
    until grep -q '^ *metrics at' "$folder/service.out"; do
        if ! kill -0 "$service_pid" 2>/dev/null; then
            echo "./dev: the service did not start" >&2
            exit 1
        fi
        sleep 0.05
    done
    service="$(sed -n 's/^ *terminals ask at *//p' "$folder/service.out")"
    metrics_page="$(sed -n 's/^ *metrics at *//p' "$folder/service.out")"
    "$pasje" --data "$folder/data" demo --out "$folder/files" --service "$service" >"$folder/demo.out"
    now_ms="$(date +%s%3N)"
    ready_ms=$((now_ms - started_ms))
    cards="$folder/files/cards" terminals="$folder/files/terminals" answer="$folder/answer.json"

    cat <<TEXT
Zorggroep Voorbeeld (fictief): two locations, De Linde and De Wilg, and 40
clients with cards, in three schemes: archipel counts in euros, zzg in points,
amsta in minutes. This month is open for them: each budget follows from the
client's indication, by the rules in schemes/ and the rows in demo/house/.
Names, tariffs and prices are fictitious.

  terminals ask at  $service
  described at      $service/api/docs/
  metrics at        $metrics_page
  the service logs  $folder/service.log
TEXT
    step "From nothing to a service that sells takes at most $ready_seconds_max seconds, database included."
    if [ "$ready_ms" -le $((ready_seconds_max * 1000)) ]; then
        as_told "ready in $((ready_ms / 1000)).$(printf '%03d' $((ready_ms % 1000))) s"
    else
        not_as_told "it took $ready_ms ms"
    fi
    step "Its pages answer: the description for makers of terminals, and the metrics."
    page "$service/api/docs/"
    page "$metrics_page"
}

# GETs a page; its status is 200.
page() {
    local rest="${1#http://}" status=""
    local authority="${rest%%/*}"
    if exec 3<>"/dev/tcp/${authority%:*}/${authority##*:}"; then
        printf 'GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "${rest#*/}" "$authority" >&3
        read -r -t 5 _ status _ <&3 || true
        exec 3<&-
    fi
    if [ "$status" = 200 ]; then as_told "200 $1"; else not_as_told "$1 answers '$status'"; fi
}

# --- Steps -----------------------------------------------------------------------------------------------------------

# What the answers say: outcome and reason, then each leg with its purse, then what was set aside or set free, then what was
# left out. One answer a line.
# Of a sale the purse is who pays, of a refund or a void who gets it back.
ended() {
    jq -r 'def amount: if .unit == "MIN" then .amount else
            "\(.amount / 100 | floor).\(.amount % 100 + 100 | tostring | .[1:])" end;
        if .problem then "problem \(.status) \(.problem)" else
        ([.outcome + (if .reason then " \(.reason)" else "" end)]
         + [.operation as $what | .legs[]?
            | "line \(.line) \(if $what == "sale" or $what == "capture" then .from else .to end) \(amount) \(.unit)"]
         + [.holds[]? | (.amount < 0) as $is_back | .amount |= (if . < 0 then -. else . end)
            | "set \(if $is_back then "free" else "aside" end) \(.purse) \(amount) \(.unit)"]
         + [.left_out[]? | "line \(.line) left out: \(.reason)"]) | join(", ")
        end' "$answer"
}

# Compares with what was told: one argument an answer.
expect() {
    local expected came
    expected="$(printf '%s\n' "$@")"
    came="$(ended 2>/dev/null)" || came="no answer"
    if [ "$came" = "$expected" ]; then
        while IFS= read -r line; do as_told "$line"; done <<<"$came"
    else
        not_as_told "it must be: ${expected//$'\n'/ / }. It came to be: ${came//$'\n'/ / }"
    fi
}

# A command of a terminal: `at linde-kassa-1 tap ARGUMENTS`. Its screen is seen as a user sees it.
at() {
    local terminal="$1" command="$2"
    shift 2
    : >"$answer"
    "$simulator" "$command" --terminal "$terminals/$terminal.json" --answer-to "$answer" --patience 10 "$@" || status=$?
}

# A card is tapped: `tap linde-kassa-1 01-appelbloesem ITEMS AND OPTIONS`.
tap() {
    local terminal="$1" card="$2"
    shift 2
    status=0
    at "$terminal" tap --card "$cards/$card.json" "$@"
    # a decline is none: the answer made no sense, or there is none
    if [ "$status" -ne 0 ]; then not_as_told "firmware-sim ended with $status"; fi
}

# An unattended machine sells: `vend linde-wasmachine 01-appelbloesem OPTIONS`. Without a card it only starts again.
vend() {
    local terminal="$1"
    shift
    status=0
    if [ $# -gt 0 ]; then set -- --card "$cards/$1.json" "${@:2}"; fi
    at "$terminal" vend "$@"
    if [ "$status" -ne 0 ]; then not_as_told "firmware-sim ended with $status"; fi
}

# The sale that was made last, of several answers the last one's.
sale_id() { jq -r .id "$answer" | tail -n 1; }

card_id() { jq -r .card "$cards/$1.json"; }

# A command of the office, as it is typed in the demo's folder.
office() {
    local line
    printf '%s' "$quiet"
    say '  $ ' "pasje ${*//$folder\//}"
    printf '%s' "$plain"
    status=0
    "$pasje" --data "$folder/data" "$@" >"$folder/office.out" 2>&1 || status=$?
    while IFS= read -r line; do say '    ' "${line//$folder\//}"; done <"$folder/office.out"
}

# The till that was enrolled: `till --sell Koffie --card FILE`. Its screen is seen as staff see it.
till() {
    status=0
    "$simulator" till --folder "$folder/till" "$@" 2>&1 | tee "$folder/till.out" || status=$?
}

# Where nobody answers: the till's cable is out.
unplugged() { till --service http://127.0.0.1:9 "$@"; }

# What its screen must have said, and how the program ended: `shows 0 "BETAALD"`.
shows() {
    local ends="$1" part
    shift
    if [ "$status" -ne "$ends" ]; then not_as_told "firmware-sim ended with $status"; fi
    for part in "$@"; do
        if grep -qF -- "$part" "$folder/till.out"; then as_told "$part"; else not_as_told "no word of: $part"; fi
    done
}

# A purse of a wallet, in minor units: `purse 1 budget`; own money is credit_cents, what is free "budget - budget_held".
purse() { sql "SELECT $2 FROM wallet WHERE id & 4294967295 = $1"; }

# `holds 1 budget 184750`
holds() {
    local minor what="$2"
    minor="$(purse "$1" "$what")" || minor=""
    case "$what" in
        *held) what="free budget" ;;
        credit_cents) what="own money" ;;
    esac
    if [ "$minor" = "$3" ]; then
        as_told "wallet $1, $what: $(hundredths "$3")"
    else
        not_as_told "wallet $1, $what: $minor, and it must be $3"
    fi
}

hundredths() { printf '%d.%02d' $(($1 / 100)) $(($1 % 100)); }

# As the owner of the tables, which may do more than the service.
sql() { "$pasje" --data "$folder/data" database -- psql -X -q -A -t -v VERBOSITY=terse -c "$1"; }

# SQL that PostgreSQL must refuse in these words.
refused() {
    local words="$1" statement="$2" said
    printf '    %s\n' "${statement//$'\n'/$'\n'    }"
    if said="$(sql "$statement" 2>&1)"; then
        not_as_told "PostgreSQL did it"
    elif [[ "$said" == *"$words"* ]]; then
        say '  PostgreSQL: ' "$said"
        as_told "refused: $words"
    else
        not_as_told "PostgreSQL said something else: $said"
    fi
}

# How many transfers the ledger has, and their sum: nothing else can have changed unseen by verify.
ledger() { sql 'SELECT count(*), sum(amount) FROM ledger.transfer'; }

# --- The story -------------------------------------------------------------------------------------------------------

lunch() {
    chapter "A lunch hour, live"
    step "Four tills at both locations sell lunch to 30 clients for $lunch_seconds seconds. How each sale ended is known, and asked for again each has the same answer."
    # cards of the story stay out of it, so that what the story tells of them is so each time
    local here="$folder/lunch" terminal status=0
    mkdir -p "$here/cards" "$here/terminals"
    mv "$cards"/[1-4][0-9]-*.json "$here/cards/"
    mv "$here/cards"/10-*.json "$cards/"
    for terminal in "${terminals_at_lunch[@]}"; do mv "$terminals/$terminal.json" "$here/terminals/"; done
    "$simulator" fleet --folder "$here" --terminals 4 --cards 30 --rate 2 --seconds "$lunch_seconds" --live --check \
        --menu "$menu" || status=$?
    mv "$here/cards"/*.json "$cards/"
    mv "$here/terminals"/*.json "$terminals/"
    rm -r "$here"
    if [ "$status" -eq 0 ]; then as_told "every sale is known and kept"; else not_as_told "the fleet ended with $status"; fi
}

story() {
    local status=0 sale
    from_an_indication_to_a_wallet
    sales_in_euros
    points_and_minutes
    care_is_never_refused
    declined_for_the_client
    declined_for_the_tap
    given_back
    unattended
    lost_card
    cut_off
    new_keys
    in_the_browser
    own_money_never_pays_for_care
    verified
}

from_an_indication_to_a_wallet() {
    chapter "From an indication to a wallet"
    local today month days weekday gross budget free due before
    today="$(sql "SELECT (now() AT TIME ZONE 'Europe/Amsterdam')::date")"
    month="${today%-*}" days="$(date -d "${today%-*}-01 +1 month -1 day" +%-d)" weekday="$(date -d "$today" +%u)"
    # by schemes/archipel.toml: 24.5 % overhead, housing, reception, night care, 4 % for all together; half a cent up
    gross=$((days * 24115))
    budget=$((gross - (gross * 245 + 500) / 1000 - 91250 - days * 310 - days * 1875 - (gross * 4 + 50) / 100))
    step "Mw. Appelbloesem is indicated for 5VV: $days days of € 241,15. Fixed costs first, and what all pay together for care that nobody planned; the rest is hers: $(euros "$budget"). What is agreed with her is set aside of it, and the colour says whether it fits."
    office client show 9001
    says "= budget" "$(euros "$budget")"
    says "● groen" ""

    step "Dhr. Duizendblad's scheme counts in minutes. Nobody sees a euro of his care: only his own money is one."
    office client show 9004
    says "budget" " min"
    if grep '€' "$folder/office.out" | grep -qv 'eigen geld'; then
        not_as_told "euros are shown"
    else
        as_told "no euro but own money"
    fi

    step "Dhr. Lavendel needs more than the minutes of his profile: red, with word and shape, and what can be done about it. His care goes on."
    office client show 9012
    says "■ rood" ""
    says "herindicatie" ""

    # on Tuesdays there is painting too
    due=$((weekday == 2 ? 2475 + 1450 : 2475)) before="$(purse 1 budget)" free="$(purse 1 "budget - budget_held")"
    step "The day is delivered: what was agreed for today is paid from what was set aside for it ($(euros "$due") of mw. Appelbloesem's), and what is free stays."
    office month deliver "$today"
    says "delivered" ""
    holds 1 budget $((before - due))
    holds 1 "budget - budget_held" "$free"

    step "Coffee by card, from what is free."
    tap linde-kassa-1 01-appelbloesem Koffie
    expect "approved, line 0 budget 2.50 EUR"
    holds 1 "budget - budget_held" $((free - 250))

    step "Help that nobody planned, and a glass of wine. All clients together pay the help; her own money, € 75,00, pays the wine alone. It never pays care."
    tap linde-dagbesteding 01-appelbloesem "Hulp bij douchen" "Glas wijn"
    expect "approved, line 0 collective 24.75 EUR, line 1 credit 3.50 EUR"
    holds 1 credit_cents 7150
    holds 1 "budget - budget_held" $((free - 250))

    step "What would closing this month do, if all goes as planned? The rest of it is delivered; euros and minutes that are left lapse, points are saved up to the scheme's cap. A dry run books nothing."
    before="$(ledger)"
    office month close "$month" --dry-run
    says "this would be booked" ""
    says "lapsed" "euro"
    says "saved" "points"
    if [ "$(ledger)" = "$before" ]; then as_told "nothing was booked"; else not_as_told "something was booked"; fi
}

# Cents as people read them.
euros() { printf '€ %d,%02d' $(($1 / 100)) $(($1 % 100)); }

# A line of what an office command said has both.
says() {
    if [ "$status" -eq 0 ] && grep -F -- "$1" "$folder/office.out" | grep -qF -- "$2"; then
        as_told "${1# }${2:+ $2}"
    else
        not_as_told "no line with '$1' and '$2'"
    fi
}

sales_in_euros() {
    chapter "Who pays for what"
    step "Approved. Coffee is an extra and the meal is in mw. Appelbloesem's package: her budget pays. Wine is her own affair: own money."
    tap linde-kassa-1 01-appelbloesem Koffie "Warme maaltijd" "Glas wijn"
    expect "approved, line 0 budget 2.50 EUR, line 1 budget 9.50 EUR, line 2 credit 3.50 EUR"

    step "Approved in part. Dhr. Beukenoot has no own money: the wine is left out, the coffee is paid."
    tap linde-kassa-1 02-beukenoot Koffie "Glas wijn"
    expect "approved_in_part, line 0 budget 2.50 EUR, line 1 left out: insufficient_funds"

    step "All or nothing: the same, asked for as a whole, is declined. Nothing is paid."
    tap wilg-kassa-1 02-beukenoot --whole Koffie "Glas wijn"
    expect "declined insufficient_funds, line 1 left out: insufficient_funds"

    step "Own money only. Mw. Esdoorn has no Wlz care: a meal and painting are paid by her."
    tap linde-dagbesteding 05-esdoorn "Warme maaltijd" Schilderen
    expect "approved, line 0 credit 9.50 EUR, line 1 credit 14.50 EUR"

    step "The same sale sent twice, as where an answer got lost, is booked once: the second answer is the first, byte for byte."
    tap wilg-kassa-2 08-hazelaar --repeat Thee
    expect "approved, line 0 budget 2.25 EUR" "approved, line 0 budget 2.25 EUR"
    if [ "$status" -eq 0 ] && [ "$(sort -u "$answer" | wc -l)" -eq 1 ]; then
        as_told "the same bytes twice"
    else
        not_as_told "the answers differ"
    fi
}

points_and_minutes() {
    chapter "Points and minutes"
    step "Points. Guidance is agreed with mw. Citroenmelisse for every day but the month's last one, when family is there: what that leaves is free, 325.50 points."
    office client show 9003
    says "budget" "325,50 pt"
    holds 3 "budget - budget_held" 32550

    step "She takes her family out: budget points pay (a point is € 0,50)."
    tap linde-dagbesteding 03-citroenmelisse Uitstapje=6 Appeltaart=5 "Soep van de dag=3"
    expect "approved, line 0 budget 264.00 PNT, line 1 budget 37.50 PNT, line 2 budget 19.50 PNT"

    step "Two coffees: the last of the points that are free, then points that she bought herself."
    tap linde-kassa-2 03-citroenmelisse Koffie=2
    expect "approved, line 0 budget 4.50 PNT, line 0 credit 5.50 PNT"

    step "One of the two goes back: half of each, to the purse that paid it."
    at linde-kassa-2 refund --sale "$(sale_id)" --line 0=1
    expect "booked, line 0 budget 2.25 PNT, line 0 credit 2.75 PNT"

    step "The hairdresser: budget points, bought points, and for the share that is left own euros."
    tap linde-dagbesteding 03-citroenmelisse Kapper
    expect "approved, line 0 budget 2.25 PNT, line 0 credit 12.25 PNT, line 0 credit 20.25 EUR"

    step "Minutes. Painting is an hour of dhr. Duizendblad's budget, and no euro. Coffee is not in it: own money."
    tap linde-dagbesteding 04-duizendblad Schilderen Koffie
    expect "approved, line 0 budget 60 MIN, line 1 credit 2.50 EUR"
}

care_is_never_refused() {
    chapter "Care and meals of the package are never refused"
    step "No tariff is known for dhr. Fluitenkruid's indication: his wallet is empty, and somebody has a task. He is helped all the same: the organisation pays, and sees it."
    if [ "$(sql "SELECT count(*) FROM task WHERE wallet & 4294967295 = 6 AND kind = 1 AND done_at IS NULL")" = 1 ]; then
        as_told "a task: a tariff is missing"
    else
        not_as_told "there is no task"
    fi
    tap linde-dagbesteding 06-fluitenkruid "Hulp bij douchen"
    expect "approved, line 0 care_overrun 49.50 PNT"

    step "So is his meal, which is in his package. The tea is not, and is left out."
    tap linde-kassa-1 06-fluitenkruid "Broodmaaltijd" Thee
    expect "approved_in_part, line 0 included_overrun 11.50 PNT, line 1 left out: insufficient_funds"

    step "No card at hand: staff register care by the client's name. The ledger says on whose word."
    at linde-dagbesteding tap --by-name 2 --staff "$staff" "Hulp bij douchen"
    expect "approved, line 0 collective 24.75 EUR"
    sale="$(sale_id)"
    # 3 in docs/GLOSSARY.md
    if [ "$(sql "SELECT authority FROM ledger.operation WHERE id = '$sale'")" = 3 ]; then
        as_told "authority no_card"
    else
        not_as_told "the ledger does not say no_card"
    fi

    step "Coffee by name is declined: anyone could say a name."
    at linde-kassa-1 tap --by-name 2 --staff "$staff" Koffie
    expect "declined card_needed, line 0 left out: card_needed"
}

declined_for_the_client() {
    chapter "Declined: the client sees one sentence, staff see the reason"
    step "Not enough money for what nobody owes him: coffee, with an empty wallet."
    tap wilg-kassa-1 06-fluitenkruid Koffie
    expect "declined insufficient_funds, line 0 left out: insufficient_funds"

    step "Not sold to her: care, to mw. Esdoorn, who has no Wlz care."
    tap linde-dagbesteding 05-esdoorn "Hulp bij douchen"
    expect "declined service_unknown, line 0 left out: service_unknown"

    step "Above her own limit of € 10 a tap: mw. Goudsbloem at the hairdresser."
    tap linde-dagbesteding 07-goudsbloem Kapper
    expect "declined over_limit, line 0 left out: over_limit"

    step "The till shows prices of months ago: they sell no coffee. The till reads the new ones."
    tap linde-kassa-2 01-appelbloesem --price-list 1 Koffie
    expect "declined price_list_out_of_date, line 0 left out: price_list_out_of_date"

    step "An expired card."
    tap linde-kassa-1 09-iepenblad Koffie
    expect "declined card_expired"

    step "The wallet of dhr. Jeneverbes, who left."
    tap linde-kassa-1 10-jeneverbes Koffie
    expect "declined wallet_closed"

    step "A card that nobody issued here: a copy of a card's file under another number."
    jq -c '.card = "00000000-0000-4000-8000-00000000cafe" | .label = "?"' "$cards/01-appelbloesem.json" \
        >"$cards/unknown.json"
    chmod 600 "$cards/unknown.json"
    tap linde-kassa-1 unknown Koffie
    expect "declined card_unknown"
    rm "$cards/unknown.json"
}

declined_for_the_tap() {
    chapter "Declined: a tap that is not what a card signed, once"
    step "One bit of the card's signature is changed on its way."
    tap wilg-kassa-2 08-hazelaar --wrong-mac Koffie
    expect "declined card_mac_wrong"

    step "A tap is kept and sent again as another sale: it pays once."
    tap wilg-kassa-2 08-hazelaar --replay-tap Koffie
    expect "approved, line 0 budget 2.50 EUR" "declined counter_used"

    step "A tap is held back and sent after a later one: too late."
    tap wilg-kassa-2 08-hazelaar --late-tap Koffie
    expect "approved, line 0 budget 2.50 EUR" "declined counter_too_old"

    step "The card signed for a cent less than it costs."
    tap wilg-kassa-2 08-hazelaar --sign-less Koffie
    expect "declined amount_exceeded"

    step "Of a sale that was declined nothing goes back."
    at wilg-kassa-2 refund --sale "$(sale_id)" --line 0
    expect "declined not_approved"

    step "The till voids a sale whose answer stayed away. When the sale comes after all, it books nothing."
    tap linde-kassa-1 01-appelbloesem --void-first Koffie
    expect "cancelled_beforehand" "declined cancelled"
}

given_back() {
    chapter "Undone, and whose business it is"
    step "Mw. Appelbloesem takes two coffees and a wine: budget and own money."
    tap linde-kassa-1 01-appelbloesem Koffie=2 "Glas wijn"
    expect "approved, line 0 budget 5.00 EUR, line 1 credit 3.50 EUR"
    sale="$(sale_id)"

    step "One coffee goes back, to the budget, which paid it."
    at linde-kassa-1 refund --sale "$sale" --line 0=1
    expect "booked, line 0 budget 2.50 EUR"

    step "Three more cannot: no more goes back than was sold."
    at linde-kassa-1 refund --sale "$sale" --line 0=3
    expect "declined more_than_sold"

    step "Another till cannot void what this one sold."
    at linde-kassa-2 void --sale "$sale" --card-id "$(card_id 01-appelbloesem)"
    expect "declined other_terminal"

    step "The till itself does: what is left of the sale goes back to the purses that paid."
    at linde-kassa-1 void --sale "$sale" --card-id "$(card_id 01-appelbloesem)"
    expect "booked, line 0 budget 2.50 EUR, line 1 credit 3.50 EUR"

    step "Once: a second void finds nothing left."
    at linde-kassa-1 void --sale "$sale" --card-id "$(card_id 01-appelbloesem)"
    expect "declined nothing_left"

    step "A till of the other location asks how that sale ended: it learns nothing."
    at wilg-kassa-1 ask --sale "$sale" 2>"$folder/ask.out"
    say '  ' "$(cat "$folder/ask.out")"
    expect "problem 404 sale-unknown"
}

unattended() {
    chapter "Machines without staff"
    step "The washing machine sets € 3,00 aside on mw. Appelbloesem's budget, runs, and then sells it."
    vend linde-wasmachine 01-appelbloesem --item Wasbeurt
    expect "booked, set aside budget 3.00 EUR" "approved, line 0 budget 3.00 EUR, set free budget 3.00 EUR"

    step "The power fails before it runs. When it is back, the machine gives the money back: nothing is paid."
    vend linde-wasmachine 01-appelbloesem --item Wasbeurt --die-after hold
    expect "booked, set aside budget 3.00 EUR"
    vend linde-wasmachine
    expect "booked, set free budget 3.00 EUR"

    step "The power fails after one of two. When it is back, one is paid, and the other given back."
    vend linde-wasmachine 01-appelbloesem --item Wasbeurt=2 --die-after deliver
    expect "booked, set aside budget 6.00 EUR"
    vend linde-wasmachine
    expect "approved, line 0 budget 3.00 EUR, set free budget 3.00 EUR" "booked, set free budget 3.00 EUR"

    step "Dhr. Fluitenkruid's wallet is empty: the machine does not run."
    vend linde-wasmachine 06-fluitenkruid --item Wasbeurt
    expect "declined insufficient_funds"
}

lost_card() {
    chapter "A lost card"
    local old
    old="$(card_id 07-goudsbloem)"
    step "Mw. Goudsbloem pays her coffee."
    tap linde-kassa-1 07-goudsbloem Koffie
    expect "approved, line 0 budget 2.50 EUR"

    step "She loses the card. The office blocks it. Whoever finds it buys nothing, and from then on the card itself refuses."
    office card block "$old"
    tap wilg-kassa-1 07-goudsbloem Koffie
    expect "declined card_blocked"
    itself_blocked

    step "Every till learns that it is blocked."
    "$simulator" hotlist --terminal "$terminals/wilg-kassa-1.json" | tee "$folder/hotlist.out" || true
    if grep -q "^geblokkeerd  $old\$" "$folder/hotlist.out"; then
        as_told "$old is on the list"
    else
        not_as_told "$old is not on the list"
    fi

    step "She gets a new card, which pays from the same wallet."
    office card replace "$old" --out "$cards/07-goudsbloem-nieuw.json"
    tap linde-kassa-1 07-goudsbloem-nieuw Koffie
    expect "approved, line 0 budget 2.50 EUR"

    step "The old one turns up. It pays no more, and cannot be unblocked."
    status=0
    at linde-kassa-1 tap --card "$cards/07-goudsbloem.json" Koffie
    if [ "$status" -ne 0 ] && [ ! -s "$answer" ]; then
        as_told "the card refuses: the service is not even asked to sell"
    else
        not_as_told "it was asked for: $(ended)"
    fi
    itself_blocked
    office card unblock "$old"
    if [ "$status" -ne 0 ]; then as_told "unblocking is refused"; else not_as_told "it was unblocked"; fi
}

# What the card of the story remembers, as its file shows it.
itself_blocked() {
    if [ "$(jq .state.is_blocked "$cards/07-goudsbloem.json")" = true ]; then
        as_told "the card knows that it is blocked"
    else
        not_as_told "the card does not know that it is blocked"
    fi
}

cut_off() {
    chapter "A till without a connection"
    local budget appelbloesem="$cards/01-appelbloesem.json" beukenoot="$cards/02-beukenoot.json" review
    step "A new till on the terrace shows a code. The office lets it in, and both show the same check number: nobody stands between."
    let_in

    budget="$(purse 1 budget)"
    step "It sells coffee to mw. Appelbloesem, as every till does."
    till --sell Koffie --card "$appelbloesem"
    shows 0 "BETAALD"
    holds 1 budget $((budget - 250))

    step "The cable is out. The till says so, and goes on: mw. Appelbloesem has coffee and a meal. The sale is on its disk before the till calls it good."
    unplugged --sell Koffie --sell "Warme maaltijd" --card "$appelbloesem"
    shows 0 "Geen verbinding" "GOED, opgeslagen"

    step "Nobody can look now whether dhr. Beukenoot has money of his own: he gets his wine."
    unplugged --sell "Glas wijn" --card "$beukenoot"
    shows 0 "GOED, opgeslagen"

    step "All of it within limits: an outing for two is more than a card approves by itself."
    unplugged --sell Uitstapje=2 --card "$appelbloesem"
    shows 1 "Zonder verbinding kan dit nu niet met dit pasje"

    step "The till says how it is. Nothing is booked yet."
    unplugged --status
    shows 0 "Werkt zonder verbinding" "2 verkopen wachten (met pasje hoogstens € 15,50)"
    holds 1 budget $((budget - 250))

    step "The cable is in again: the till sends what waited, and it is booked to the cent. Wine is never paid from a budget."
    till --forward
    shows 0 "Verbonden"
    judged
    holds 1 budget $((budget - 250 - 250 - 950))
    holds 2 credit_cents 0

    step "One thing needs a human: dhr. Beukenoot could not pay his wine. The organisation bears it for now, and the office decides."
    office review list
    review="$(awk '$1 ~ /^[0-9]+$/ && / 3\.50 / { print $1 }' "$folder/office.out")"
    if [ "$(grep -cE '^ *[0-9]+ ' "$folder/office.out")" = 1 ] && [ -n "$review" ]; then
        as_told "one review, of € 3,50"
    else
        not_as_told "it must be one review, of 3.50"
    fi
    office review settle "${review:-0}" --write-off "storing op het terras" --by "de administratie"
    office review list
    if grep -qE '^ *[0-9]+ ' "$folder/office.out"; then not_as_told "something waits still"; else as_told "nothing waits"; fi
}

# Enrols the till in "$folder/till".
let_in() {
    local code="" seen
    "$simulator" enrol --folder "$folder/till" --service "$service" >"$folder/enrol.out" 2>&1 &
    enrolling_pid=$!
    for _ in {1..100}; do
        code="$(sed -n 's/^ *pasje terminal accept \([^ ]*\) .*/\1/p' "$folder/enrol.out")"
        [ -z "$code" ] || break
        sleep 0.1
    done
    # the picture, and the line under it, come at once after the code
    sleep 0.2
    seen="$(wc -c <"$folder/enrol.out")"
    head -c "$seen" "$folder/enrol.out"
    office terminal accept "${code:-none}" --location "De Linde (fictief)" --name "Terras"
    status=0
    if [ -z "$code" ]; then kill "$enrolling_pid" || true; fi
    wait "$enrolling_pid" || status=$?
    enrolling_pid=""
    tail -c "+$((seen + 1))" "$folder/enrol.out"
    if [ "$status" -eq 0 ] && grep -q 'Terras · De Linde (fictief)' "$folder/enrol.out"; then
        as_told "it is let in as Terras, at De Linde"
    else
        not_as_told "firmware-sim enrol ended with $status"
    fi
}

# Waits until all that was forwarded is judged.
judged() {
    for _ in {1..100}; do
        if [ "$(sql 'SELECT count(*) FROM forward WHERE judged_at IS NULL')" = 0 ]; then return; fi
        sleep 0.1
    done
    not_as_told "what was forwarded is not judged"
}

new_keys() {
    chapter "New keys for the cards"
    step "The office makes the next keys the active ones. Dhr. Hazelaar's card hears so when he drinks coffee, and signs the next one with them; the others follow as they are tapped."
    office keys rotate
    for _ in {1..5}; do
        # a running service reads within a second or two what the office did
        sleep 2
        tap linde-kassa-1 08-hazelaar Koffie
        expect "approved, line 0 budget 2.50 EUR"
        [ "$(jq .state.generation "$cards/08-hazelaar.json")" != 2 ] || break
    done
    tap linde-kassa-1 08-hazelaar Koffie
    expect "approved, line 0 budget 2.50 EUR"
    office keys progress
    if grep -qE '^ *2 +1 +' "$folder/office.out"; then
        as_told "one card signs with generation 2"
    else
        not_as_told "it must be one card of generation 2"
    fi
}

own_money_never_pays_for_care() {
    chapter "Own money never pays for care: not even by SQL"
    local before after statement
    before="$(ledger)" || before=""
    step "The owner of the tables, past every program, books € 24,75 of care on mw. Appelbloesem's own money. It looks like a sale; the constraint transfer_flow refuses it."
    IFS= read -r -d '' statement <<'SQL' || true
INSERT INTO ledger.transfer (id, leg, line, flow, why, debit, credit,
                             amount, book_date, batch)
SELECT id, 99, 0, 3, 10,             -- a leg of a sale, from own money
       ledger.account(1, 1, 1, 4),   -- from: wallet 1, euros, credit
       ledger.account(1, 0, 1, 32),  -- to: euros, care_delivered
       2475, book_date, batch
FROM ledger.operation WHERE kind = 1 AND outcome = 1 ORDER BY id LIMIT 1;
SQL
    refused transfer_flow "${statement%$'\n'}"

    step "Nor can the owner turn a leg that was booked into one of care."
    refused "its rows are never changed or removed" \
        "UPDATE ledger.transfer SET credit = ledger.account(1, 0, 1, 32)
WHERE debit = ledger.account(1, 1, 1, 4);"

    step "Nor make one go away."
    refused "its rows are never changed or removed" \
        "DELETE FROM ledger.transfer WHERE debit = ledger.account(1, 1, 1, 4);"

    step "The ledger is what it was."
    after="$(ledger)" || after=""
    if [ -n "$before" ] && [ "$before" = "$after" ]; then
        as_told "${before%|*} transfers before and after, of the same sum"
    else
        not_as_told "it was $before, and is $after"
    fi
}

# What a browser asks the till that serves its page: `asks sale '{"lines":[]}'`, or `asks view`. Its answer is on standard output.
asks() {
    local rest="${till_page#http://}" body="${2-}" method=POST line
    local authority="${rest%%/*}"
    [ -n "$body" ] || method=GET
    exec 3<>"/dev/tcp/${authority%:*}/${authority##*:}" || return
    printf '%s /api/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: application/json\r\nX-Pasje: till\r\nContent-Length: %d\r\n\r\n%s' \
        "$method" "$1" "$authority" "${#body}" "$body" >&3
    while IFS= read -r -t 10 line <&3 && [ "$line" != $'\r' ]; do :; done
    cat <&3
    exec 3<&-
}

# Until the sale on the page is so far, ten seconds at most: `is_at ended`.
is_at() {
    for _ in {1..100}; do
        [[ "$(asks view | jq -r .sale.stage)" == $1 ]] && return
        sleep 0.1
    done
    return 1
}

in_the_browser() {
    chapter "A till in the browser"
    local coffee wine view
    mkdir -p "$folder/page"
    "$pasje" --data "$folder/data" terminal add --location "$(jq -r .location "$terminals/linde-kassa-1.json")" --name "Restaurant, kassa 3" \
        --out "$folder/page/terminal.json" >/dev/null
    # in a session of its own, as the service is
    setsid "$simulator" till --folder "$folder/page" --service "$service" --page "$(free_address 8090)" --staff "$staff" \
        --tray "$cards/01-appelbloesem.json" --tray "$cards/02-beukenoot.json" --tray "$cards/05-esdoorn.json" \
        --tray "$cards/08-hazelaar.json" --tray "$cards/14-nagelkruid.json" >"$folder/page.out" 2>&1 </dev/null &
    page_pid=$!
    echo "$page_pid" >"$folder/page.pid"
    for _ in {1..100}; do
        till_page="$(grep -so 'http://[^ ]*' "$folder/page.out" || true)"
        [ -z "$till_page" ] || break
        sleep 0.1
    done
    step "A till serves its page to the browser beside it: tiles, bill, tap, answer."
    page "$till_page"

    step "Coffee and a glass of wine, rung up on the page, and mw. Appelbloesem holds up her card."
    for _ in {1..100}; do
        [[ "$(asks view | jq -r .assortment)" == null ]] || break
        sleep 0.1
    done
    coffee="$(asks assortment | jq -r '.services[] | select(.name == "Koffie") | .id')"
    wine="$(asks assortment | jq -r '.services[] | select(.name == "Glas wijn") | .id')"
    asks sale "{\"lines\":[{\"service\":\"$coffee\",\"quantity\":1},{\"service\":\"$wine\",\"quantity\":1}]}" >/dev/null
    is_at 'tap*' && asks tap '{"card":"mw. Appelbloesem"}' >/dev/null
    is_at ended || true
    view="$(asks view)"
    if [ "$(jq -r .sale.client.headline <<<"$view")" = Betaald ]; then
        as_told "the client reads: Betaald"
        jq -r '.sale.lines[] | "\(.quantity) × \(.name): \(.legs | map("\(.purse) \(.amount)") | join(", "))"' <<<"$view" |
            while IFS= read -r line; do as_told "staff see: $line"; done
    else
        not_as_told "$(jq -c .sale <<<"$view")"
    fi

    step "What was sold a moment ago is voided with a touch, and comes back to who paid."
    asks void "{\"sale\":\"$(jq -r '.history[0].id' <<<"$view")\"}" >/dev/null
    for _ in {1..100}; do
        [ "$(asks view | jq -r '.history[0].outcome')" != voided ] || break
        sleep 0.1
    done
    if [ "$(asks view | jq -r '.history[0].outcome')" = voided ]; then
        as_told "voided"
    else
        not_as_told "$(asks view | jq -c '.history[0]')"
    fi
}

verified() {
    chapter "pasje verify"
    step "Every check of the ledger holds, after lunch and all of this."
    local status=0
    printf '%s  $ pasje verify%s\n' "$quiet" "$plain"
    "$pasje" --data "$folder/data" verify >"$folder/verify.out" || status=$?
    # without the times, so that a promise fits beside its name
    local line
    while IFS= read -r line; do
        if [[ "$line" =~ ^(ok|FAILED)\ +([a-z_]+)\ +[0-9.]+\ s\ +(.*) ]]; then
            say "$(printf '  %-6s %-16s ' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}")" "${BASH_REMATCH[3]}"
        else
            say '  ' "$line"
        fi
    done <"$folder/verify.out"
    if [ "$status" -eq 0 ] && grep -q '^everything fits' "$folder/verify.out"; then
        as_told "$(tail -n 1 "$folder/verify.out")"
    else
        not_as_told "pasje verify ends with $status"
    fi

    step "The service ran through all of it and complains of nothing."
    if is_service "$service_pid" && ! grep -aE 'ERROR|WARN|panicked' "$folder/service.log"; then
        as_told "no warning or error in its log"
    else
        not_as_told "see $folder/service.log"
    fi
}

finish() {
    chapter "How it went"
    if [ ${#wrong[@]} -eq 0 ]; then
        printf '%s✔ %s steps, all as told.%s\n' "$green" "$steps" "$plain"
    else
        printf '%s✘ %s of %s steps did not go as told:%s\n' "$red" "${#wrong[@]}" "$steps" "$plain"
        local line
        for line in "${wrong[@]}"; do say '    ' "$line"; done
    fi
    if "$is_once"; then
        [ ${#wrong[@]} -eq 0 ] || exit 1
        return
    fi
    # it stays: what stops it at the end must not
    service_pid="" page_pid=""
    local shown="${folder#"$PWD"/}" tools="${programs#"$PWD"/}"
    cat <<TEXT

The service goes on running (process $(cat "$folder/service.pid")), and a till with its page:

  ring up here      $till_page
  terminals ask at  $service
  described at      $service/api/docs/
  metrics at        $metrics_page
  the service logs  $shown/service.log

To try by hand:

  $tools/firmware-sim tap \\
      --terminal $shown/files/terminals/linde-kassa-1.json \\
      --card $shown/files/cards/01-appelbloesem.json Koffie "Glas wijn"
  $tools/firmware-sim catalogue \\
      --terminal $shown/files/terminals/linde-kassa-1.json
  $tools/pasje --data $shown/data client list
  $tools/pasje --data $shown/data client show 9001
  $tools/pasje --data $shown/data card list
  $tools/pasje --data $shown/data verify

To stop it:

  ./dev demo --stop
TEXT
    [ ${#wrong[@]} -eq 0 ] || exit 1
}

main "$@"
