//! Bytes to rows, without a database.

use pasje::domain::import::{self, Errors, is_bsn};

fn told<T>(read: Result<T, Errors>) -> Vec<String> {
    read.map(|_| ()).expect_err("the file is taken for right").told().iter().map(ToString::to_string).collect()
}

const ADDITIONS: &str = "client;code;from;to;price_per_day\n";

fn additions(rows: &str) -> Vec<String> {
    told(import::additions(format!("{ADDITIONS}{rows}").as_bytes()))
}

#[test]
fn spreadsheets_of_every_sort_are_read_alike() {
    let expected = import::additions(format!("{ADDITIONS}4711;meerzorg;2026-01-01;;12.50\n").as_bytes()).unwrap();
    let files: &[&[u8]] = &[
        b"\xef\xbb\xbfclient;code;from;to;price_per_day\r\n4711;meerzorg;2026-01-01;;12,50\r\n",
        b"client,code,from,to,price_per_day\n4711,meerzorg,2026-01-01,,\"12,50\"\n",
        b"client,code,from,to,price_per_day\n4711,meerzorg,2026-01-01,,12.50",
        b"\"client\";\"code\";\"from\";\"to\";\"price_per_day\"\n\"4711\";\"meerzorg\";\"2026-01-01\";\"\";\"12,5\"\n",
        b"price_per_day;code;client;from\n12,50;meerzorg;4711;2026-01-01\n",
        b"Client_Nummer; Prestatiecode ;van;tot_en_met;PRIJS_PER_DAG\n 4711 ; meerzorg ;2026-01-01; ;12,50 \n;;;;\n\n",
        b"\xef\xbb\xbf\"client\",code,from,to,price_per_day\n4711,meerzorg,2026-01-01,,12.50\n",
    ];
    for file in files {
        assert_eq!(import::additions(file).unwrap(), expected, "{}", String::from_utf8_lossy(file));
    }
}

#[test]
fn money_is_parsed_exactly_to_the_cent() {
    for (text, cents) in [
        ("12,50", 1250),
        ("12.50", 1250),
        ("12,5", 1250),
        ("12", 1200),
        ("0", 0),
        ("0,07", 7),
        ("1000000", 100_000_000),
        ("8,29", 829),
    ] {
        let rows = import::additions(format!("{ADDITIONS}1;x;2026-01-01;;{text}\n").as_bytes()).unwrap();
        assert_eq!(rows[0].row.day.minor(), cents, "{text}");
    }
    for text in [
        "",
        "12,505",
        "1.000,00",
        "1 000",
        "12,",
        ",50",
        "€ 12,50",
        "1e3",
        "12,5O",
        "1000000,01",
        "0x10",
        "٣",
        "99999999999999999999",
    ] {
        let told = additions(&format!("1;x;2026-01-01;;{text}\n"));
        assert_eq!(
            told,
            [format!(
                "line 2, column price_per_day: `{text}` is no amount: write euros as 12,50 or 12.50, without thousands marks, at most 1000000"
            )]
        );
    }
}

#[test]
fn each_error_names_line_and_column() {
    let header = "there is no such column here; there are client, code, from, to, price_per_day";
    let columns: &[(&str, &[&str])] = &[
        ("", &["line 1: the file is empty: its first line names the columns: client, code, from, to, price_per_day"]),
        ("client;code;from;price_per_day;kind\n", &[&format!("line 1, column kind: {header}")]),
        (
            "client;code;from\n",
            &["line 1, column price_per_day: this column is missing (it may be called prijs_per_dag too)"],
        ),
        ("client;code;from;van;price_per_day\n", &["line 1, column van: this column stands there twice"]),
    ];
    for (file, expected) in columns {
        assert_eq!(&told(import::additions(file.as_bytes())), expected, "{file}");
    }
    let rows: &[(&str, &[&str])] = &[
        (
            "1;x;2026-01-01;12,50\n",
            &[
                "line 2: there are 4 fields, and the heading has 5: a separator within a field needs quotes around the field",
            ],
        ),
        (
            "1;x;2026-01-01;;12;50\n",
            &[
                "line 2: there are 6 fields, and the heading has 5: a separator within a field needs quotes around the field",
            ],
        ),
        ("x;x;2026-01-01;;1\n", &["line 2, column client: `x` is no client number: write 1 to 9 digits"]),
        ("0;x;2026-01-01;;1\n", &["line 2, column client: `0` is no client number: write 1 to 9 digits"]),
        ("1;;2026-01-01;;1\n", &["line 2, column code: the field is empty"]),
        ("1;x;2026-02-30;;1\n", &["line 2, column from: `2026-02-30` is no date: write it as 2026-04-01"]),
        ("1;x;;;1\n", &["line 2, column from: the field is empty: write a date as 2026-04-01"]),
        ("1;x;0026-02-01;;1\n", &["line 2, column from: `0026-02-01` is no date: write it as 2026-04-01"]),
        ("1;x;2026-02-01;2026-01-31;1\n", &["line 2, column to: the last day lies before the first, 2026-02-01"]),
        (
            "1;x;2026-02-01;;1\n\n1;x;2026-02-01;;2\n",
            &["line 4: x of client 1 from 2026-02-01 stands on line 2 already: keep one of them"],
        ),
        (
            "\"1\";\"x\ny\";2026-02-01;;1\n2;;2026-02-01;;1\n",
            &[
                "line 2, column code: there is a line break or another control character in the field: write it on one line",
                "line 4, column code: the field is empty",
            ],
        ),
    ];
    for (file, expected) in rows {
        assert_eq!(&additions(file), expected, "{file}");
    }
}

#[test]
fn formulas_are_no_values() {
    for (cell, sign) in [
        ("=1+1", "="),
        ("+31", "+"),
        ("-12,50", "-"),
        ("@SUM(A1)", "@"),
        ("\"\tx\"", "\\t"),
        ("\"=HYPERLINK(\"\"x\"\")\"", "="),
    ] {
        let told = additions(&format!("1;{cell};2026-01-01;;1\n"));
        assert_eq!(
            told,
            [format!("line 2, column code: the field begins with `{sign}`, as a formula does: write the value itself")]
        );
    }
}

#[test]
fn hostile_files_are_told_and_never_taken() {
    let long = format!("1;{};2026-01-01;;1\n", "x".repeat(1001));
    assert_eq!(
        additions(&long),
        ["line 2, column code: the field has more than 1000 characters: was a quote left open?"]
    );
    let fits_nowhere = format!("1;{};2026-01-01;;1\n", "é".repeat(51));
    assert_eq!(additions(&fits_nowhere), ["line 2, column code: the field has 51 characters, and at most 50 fit"]);
    let open = format!("1;\"x;2026-01-01;;1\n{}", "2;y;2026-01-01;;1\n".repeat(1000));
    assert!(additions(&open)[0].starts_with("line 2: there are 2 fields"), "{:?}", additions(&open));
    assert_eq!(additions("1;x\0;2026-01-01;;1\n"), ["line 2: there is a NUL character: this is no text file"]);
    let bytes: [(&[u8], &str); 4] = [
        (b"client;code\n\xe9;x\n", "line 2: this is not UTF-8: save it as \"CSV UTF-8\""),
        (b"\xff\xfec\0l\0", "line 1: this is UTF-16: save it as \"CSV UTF-8\""),
        (b"PK\x03\x04rest", "line 1: this is a workbook: save the sheet as \"CSV UTF-8\""),
        (
            b"\xef\xbb\xbf",
            "line 1: the file is empty: its first line names the columns: client, code, from, to, price_per_day",
        ),
    ];
    for (file, expected) in bytes {
        assert_eq!(told(import::additions(file)), [expected]);
    }
    let huge = vec![b'x'; import::BYTES_MAX + 1];
    assert_eq!(told(import::additions(&huge)), ["line 1: the file has more than 100 MB: divide it"]);
}

#[test]
fn errors_are_told_up_to_a_hundred_and_the_rest_is_counted() {
    let file = format!("{ADDITIONS}{}", "0;x;2026-01-01;;1\n".repeat(250));
    let errors = import::additions(file.as_bytes()).unwrap_err();
    assert_eq!(errors.told().len(), 100);
    assert!(errors.to_string().ends_with("  and 150 more\n"), "{errors}");
}

#[test]
fn no_bsn_goes_into_the_system() {
    // a fictitious number that passes the check, as spreadsheets may have it
    for number in ["123456782", "111222333", "012345672", "12345672"] {
        assert!(is_bsn(number), "{number}");
        let clients = format!("number;name;scheme\n{number};mw. A;zzg\n");
        let expected =
            "line 2, column number: this may be a BSN: no BSN goes into this system; give the client a random number";
        assert_eq!(told(import::clients(clients.as_bytes())), [expected]);
        let named = format!("number;name;scheme\n1;mw. A ({number});zzg\n");
        let expected = "line 2, column name: there is a number in it that may be a BSN: no BSN goes into this system";
        assert_eq!(told(import::clients(named.as_bytes())), [expected]);
        assert_eq!(additions(&format!("{number};x;2026-01-01;;1\n")).len(), 1, "nor to name a client by");
    }
    for number in ["123456781", "1234567", "000000000", "4711", "1234567820"] {
        assert!(!is_bsn(number), "{number}");
    }
    assert_eq!(import::clients(b"number;name;scheme\n123456781;mw. A;zzg\n").unwrap()[0].row.number, 123_456_781);
}

#[test]
fn who_may_not_act_in_a_subject_is_not_entered_so() {
    let head = "client;name;role;for_money;for_care;email;from\n";
    let read = |row: &str| import::representatives(format!("{head}{row}").as_bytes());
    for (row, expected) in [
        ("1;A;bewindvoerder;ja;ja;;2026-01-01\n", "column for_care: a bewindvoerder has no say in care: write nee"),
        ("1;A;mentor;ja;ja;;2026-01-01\n", "column for_money: a mentor has no say in money: write nee"),
        ("1;A;depositor;ja;nee;;2026-01-01\n", "column for_money: a depositor pays in and acts for nobody: write nee"),
        ("1;A;inlegger;nee;ja;;2026-01-01\n", "column for_care: a depositor pays in and acts for nobody: write nee"),
        (
            "1;A;buur;nee;ja;;2026-01-01\n",
            "column role: `buur` is not known: write curator, bewindvoerder, mentor, gemachtigde, family or depositor",
        ),
        ("1;A;familie;nee;ja;nobody;2026-01-01\n", "column email: `nobody` is no e-mail address"),
        ("1;A;familie;nee;ja;a@b@c;2026-01-01\n", "column email: `a@b@c` is no e-mail address"),
    ] {
        assert_eq!(told(read(row)), [format!("line 2, {expected}")]);
    }
    assert!(read("1;A;curator;ja;ja;a@example.org;2026-01-01\n1;A;mentor;nee;ja;;2026-01-01\n").is_ok());
}

#[test]
fn kinds_that_no_buyer_can_have_are_refused() {
    let head =
        "code;name;name_en;category;vat_percent;included_per_day;from_savings;verblijf;vpt;mpt;no_wlz;guest;staff\n";
    let read = |row: &str| import::services(format!("{head}{row}").as_bytes());
    let own = "guests and staff pay all themselves: write own or nothing";
    let no_wlz = "without a Wlz indication nothing is care or included: write extra, activity, own or nothing";
    for (row, expected) in [
        ("x;X;X;y;9;;;extra;;;;extra;\n", format!("column guest: {own}")),
        ("x;X;X;y;9;;;extra;;;;;zorg\n", format!("column staff: {own}")),
        ("x;X;X;y;9;;;extra;;;included;;\n", format!("column no_wlz: {no_wlz}")),
        ("x;X;X;y;9;;;extra;;;care;;\n", format!("column no_wlz: {no_wlz}")),
        ("x;X;X;y;9;;;gratis;;;;;\n", "column verblijf: `gratis` is not known: write care, included, activity, extra or own, or nothing where it is not sold".to_owned()),
        ("x;X;X;y;9;1;;extra;;;;;\n", "column included_per_day: for no buyer this is included: leave the field empty".to_owned()),
        ("x;X;X;y;9;0;;included;;;;;\n", "column included_per_day: `0` is no whole number from 1 to 100".to_owned()),
        ("x;X;X;y;9;;ja;extra;;;;;\n", "column from_savings: for no buyer this is care: write nee".to_owned()),
        ("x;X;X;y;;;;extra;;;;;\n", "column vat_percent: the field is empty: write 0, 9 or 21".to_owned()),
        ("x;X;X;y;101;;;extra;;;;;\n", "column vat_percent: `101` is no number with at most two decimals from 0 to 100".to_owned()),
        ("x y;X;X;y;9;;;extra;;;;;\n", "column code: `x y` is no code: letters, digits, - _ and . alone".to_owned()),
    ] {
        assert_eq!(told(read(row)), [format!("line 2, {expected}")], "{row}");
    }
}

#[test]
fn points_of_their_own_need_a_reason() {
    let head = "service;function;from;price;minutes;points;points_reason\n";
    let read = |row: &str| import::prices(format!("{head}{row}").as_bytes());
    for (row, expected) in [
        (
            "x;;2026-01-01;2,50;;4;\n",
            "column points_reason: points of their own need a reason: write it, or leave the points empty",
        ),
        (
            "x;;2026-01-01;2,50;;;round\n",
            "column points: there is a reason, and no points of their own: write them, or leave the reason empty",
        ),
        ("x;;2026-01-01;2,50;0;;\n", "column minutes: both the price and this are 0, or neither is"),
        ("x;;2026-01-01;0;5;;\n", "column minutes: both the price and this are 0, or neither is"),
        ("x;;2026-01-01;0;;5;gift\n", "column points: both the price and this are 0, or neither is"),
        (
            "x;;2026-01-01;2,50;;4,125;round\n",
            "column points: `4,125` is no number with at most two decimals from 0 to 1000000",
        ),
    ] {
        assert_eq!(told(read(row)), [format!("line 2, {expected}")], "{row}");
    }
    assert_eq!(read("x;;2026-01-01;2,50;15;4,5;round\n").unwrap()[0].row.points, Some((450, "round".to_owned())));
}
