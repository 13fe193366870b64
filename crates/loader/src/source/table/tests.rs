use std::fs;

use super::*;
use crate::source::Targets;
use crate::source::targets::Values;

/// A folder with a table and the files `0.jpg` to `5.jpg`.
fn folder(table: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for k in 0..6 {
        fs::write(folder.path().join(format!("{k}.jpg")), "x").unwrap();
    }
    fs::write(folder.path().join("table.csv"), table).unwrap();
    folder
}

fn index(table: &str, options: &TableOptions) -> Result<Index, LoaderError> {
    Index::from_table(&folder(table).path().join("table.csv"), options)
}

/// What is wrong with a table, after its name.
fn problem(table: &str, options: &TableOptions) -> String {
    let message = index(table, options).unwrap_err().to_string();
    message.split_once("table.csv: ").unwrap_or_else(|| panic!("{message}")).1.to_owned()
}

fn options() -> TableOptions {
    TableOptions::default()
}

fn names(index: &Index) -> Vec<&str> {
    (0..index.len()).map(|sample| index.name(sample).to_str().unwrap()).collect()
}

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn rows_keep_their_order_and_classes_are_sorted() {
    let index = index("id,class,filename\n7,b,3.jpg\n8,Z,1.jpg\n9,\"a, é\",2.jpg\n10,b,0.jpg\n", &options()).unwrap();
    assert_eq!(names(&index), ["3.jpg", "1.jpg", "2.jpg", "0.jpg"]);
    assert_eq!(index.classes(), ["Z", "a, é", "b"]);
    assert_eq!(index.labels().unwrap(), [2, 0, 1, 2]);
    assert_eq!(index.found(), "Found 4 validated image filenames belonging to 3 classes.");
}

#[test]
fn given_classes_choose_rows() {
    let given = TableOptions { classes: Some(columns(&["c", "a", "x", "a"])), ..options() };
    let index = index("filename,class\n0.jpg,a\n1.jpg,b\n2.jpg,c\n", &given).unwrap();
    assert_eq!((names(&index), index.labels().unwrap()), (vec!["0.jpg", "2.jpg"], &[1, 0][..]));
    assert_eq!(index.classes(), ["c", "a", "x"]);
    let none = TableOptions { classes: Some(columns(&["x", "y"])), ..options() };
    assert_eq!(problem("filename,class\n0.jpg,a\n", &none), "no rows of the classes x, y");
}

#[test]
fn invalid_names_are_left_out_and_told() {
    let folder = folder("");
    let there = folder.path().join("2.jpg");
    let mut table = format!("filename,class\n{},a\nnone.jpg,b\ntable.csv,a\n", there.display());
    for k in 0..6 {
        table += &format!("gone{k}.jpg,c\n");
    }
    let path = folder.path().join("table.csv");
    fs::write(&path, &table).unwrap();
    let index = Index::from_table(&path, &options()).unwrap();
    assert_eq!((index.path(0), index.classes()), (there, &["a".to_owned()][..]), "classes of valid files only");
    assert_eq!(
        index.invalid_files().to_string(),
        "Found 8 invalid image filename(s) in x_col=\"filename\": `none.jpg`, `table.csv`, `gone0.jpg`, `gone1.jpg`, \
         `gone2.jpg` and 3 more. These filename(s) will be ignored."
    );
    let all = Index::from_table(&path, &TableOptions { validate_filenames: false, ..options() }).unwrap();
    assert_eq!(all.found(), "Found 9 non-validated image filenames belonging to 3 classes.");

    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(&path, "filename,class\na.jpg,x\n").unwrap();
    let directory = Some(elsewhere.path().to_owned());
    let message = Index::from_table(&path, &TableOptions { directory, ..options() }).unwrap_err().to_string();
    let (root, file) = (elsewhere.path().display(), elsewhere.path().join("a.jpg"));
    let expected = format!("no name in column `filename` is that of an image in {root}, such as {}", file.display());
    assert!(message.ends_with(&expected), "{message}");
}

#[test]
fn lists_of_classes_are_multi_hot() {
    let lists = TableOptions { list_separator: Some('|'), ..options() };
    let table = "filename,class\n0.jpg,b|a\n1.jpg,\n2.jpg,c\n";
    let all = index(table, &lists).unwrap();
    assert_eq!(all.classes(), ["a", "b", "c"]);
    let Targets::MultiHot(classes) = all.targets() else { panic!() };
    assert_eq!((classes.get(0), classes.get(1), classes.get(2)), (&[1, 0][..], &[][..], &[2][..]));
    let given = TableOptions { classes: Some(columns(&["c", "b"])), ..lists.clone() };
    let some = index(table, &given).unwrap();
    let Targets::MultiHot(classes) = some.targets() else { panic!() };
    assert_eq!((names(&some), classes.get(0), classes.get(1)), (vec!["0.jpg", "2.jpg"], &[1][..], &[0][..]));
    let message = problem("filename,class\n0.jpg,b||a\n", &lists);
    assert_eq!(message, "line 2, column `class`: empty class name");
}

#[test]
fn raw_targets_are_numbers() {
    let raw = TableOptions { class_mode: ClassMode::Raw, y_col: columns(&["x", "y"]), ..options() };
    let index = index("filename,x,y\n0.jpg,1, 2.5\n1.jpg,-1e3,True\n", &raw).unwrap();
    assert_eq!(*index.targets(), Targets::Values(Values { width: 2, data: vec![1., 2.5, -1000., 1.] }));
    assert_eq!(index.found(), "Found 2 validated image filenames.");
    let message = |row| problem(&format!("filename,x,y\n0.jpg,1,2\n1.jpg,{row}\n"), &raw);
    assert_eq!(message("1,red"), "line 3, column `y`: expected a number, got `red`");
    assert_eq!(message(",1"), "line 3, column `x`: empty value");
    assert_eq!(
        message("1e39,1"),
        format!("line 3, column `x`: a value of {}, which is not a finite 32-bit number", 1e39)
    );
}

#[test]
fn each_output_is_numbers_or_classes_as_its_first_row() {
    let outputs = TableOptions { class_mode: ClassMode::MultiOutput, y_col: columns(&["age", "kind"]), ..options() };
    let found = index("filename,age,kind\n0.jpg,5,cat\n1.jpg,6.5,ant\n", &outputs).unwrap();
    let Targets::MultiOutput(found) = found.targets() else { panic!() };
    assert_eq!((found[0].name.as_str(), found[1].name.as_str()), ("age", "kind"));
    assert_eq!(found[0].targets, Targets::Values(Values { width: 1, data: vec![5., 6.5] }));
    assert_eq!((&found[1].targets, &found[1].classes), (&Targets::Classes(vec![1, 0]), &columns(&["ant", "cat"])));
    let message = problem("filename,age,kind\n0.jpg,5,cat\n1.jpg,old,ant\n", &outputs);
    assert_eq!(message, "line 3, column `age`: expected a number, got `old`");
}

#[test]
fn weights_stay_with_their_rows() {
    let weighted = TableOptions { weight_col: Some("w".to_owned()), class_mode: ClassMode::None, ..options() };
    let found = index("filename,w\n0.jpg,1\ngone.jpg,2\n2.jpg,0.5\n", &weighted).unwrap();
    assert_eq!((found.weights().unwrap(), found.targets()), (&[1., 0.5][..], &Targets::None));
    let message = problem("filename,w\n0.jpg,1\n1.jpg,nan\n", &weighted);
    assert_eq!(message, "line 3, column `w`: a weight of NaN, which is not a finite 32-bit number");
}

#[test]
fn the_first_rows_are_for_validation() {
    let side = |subset| {
        let split = Some(Split::First(0.5));
        let options = TableOptions { split, subset: Some(subset), ..options() };
        index("filename,class\n4.jpg,b\nx.jpg,b\n3.jpg,b\n2.jpg,b\n1.jpg,a\n0.jpg,b\n", &options).unwrap()
    };
    assert_eq!(names(&side(Subset::Validation)), ["4.jpg", "3.jpg"]);
    assert_eq!(names(&side(Subset::Training)), ["2.jpg", "1.jpg", "0.jpg"]);
    assert_eq!(side(Subset::Validation).classes(), ["a", "b"], "of both sides");
}

#[test]
fn what_is_wrong_is_named_by_line_and_column() {
    for (table, expected) in [
        ("file;class\n0.jpg;a\n", "no column `filename`; there is only `file;class`"),
        ("name,class\n", "no column `filename`; there are `name`, `class`"),
        ("", "no column `filename`; there are none"),
        ("filename,class\n", "no rows"),
        ("filename,class,class\n0.jpg,a,b\n", "header, column `class`: more than one column has this name"),
        ("filename,class\n\n0.jpg,a\n\n1.jpg,\n", "line 5, column `class`: empty class name"),
        ("filename,class\r\n0.jpg,a\r\n\r\n1.jpg,\r\n", "line 4, column `class`: empty class name"),
        ("\u{feff}filename,class\n0.jpg,\n", "line 2, column `class`: empty class name"),
        ("filename,class\n\"0\n.jpg\",a\n,b\n", "line 4, column `filename`: empty file name"),
        ("filename,class\n0.jpg,a\n1.jpg,b\n0.jpg,b\n", "line 4, column `filename`: `0.jpg` is in line 2 already"),
    ] {
        assert_eq!(problem(table, &options()), expected, "{table:?}");
    }
    for (table, expected) in [
        (&b"filename,class\r\n0.jpg\r\n"[..], "line 2 has 1 fields, and the header 2"),
        (b"filename,class\n\n0.jpg,a,b\n", "line 3 has 3 fields, and the header 2"),
        (b"filename,class\n0.jpg,caf\xe9\n", "line 2 is not in UTF-8"),
    ] {
        let folder = folder("");
        fs::write(folder.path().join("table.csv"), table).unwrap();
        let error = Index::from_table(&folder.path().join("table.csv"), &options()).unwrap_err();
        assert!(error.to_string().ends_with("table.csv: cannot read the table"), "{error}");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), expected);
    }
    let twice = TableOptions { strict: false, ..options() };
    assert_eq!(index("filename,class\n0.jpg,a\n0.jpg,b\n", &twice).unwrap().len(), 2);
    let missing = Index::from_table(Path::new("nowhere.csv"), &options()).unwrap_err();
    assert_eq!(missing.to_string(), "nowhere.csv: no such table");
}

#[test]
fn a_byte_order_mark_and_other_delimiters_are_no_part_of_a_name() {
    let tabs = TableOptions { delimiter: '\t', ..options() };
    let index = index("\u{feff}filename\tclass\r\n0.jpg\ta,b\r\n", &tabs).unwrap();
    assert_eq!(index.classes(), ["a,b"]);
}

#[test]
fn lines_are_counted_through_any_buffer() {
    let rows: String = (0..5000).map(|k| format!("{},a{}", k, ["\n", "\r\n", "\r\n\n"][k % 3])).collect();
    for wrong in [0, 1, 2, 1000, 4999] {
        let line = 2 + wrong + wrong / 3;
        let table = format!("filename,class\n{}", rows.replace(&format!("\n{wrong},a"), &format!("\n{wrong},")));
        let table = if wrong == 0 { table.replacen("0,a", "0,", 1) } else { table };
        assert_eq!(problem(&table, &options()), format!("line {line}, column `class`: empty class name"));
    }
}

#[test]
fn binary_is_for_two_classes() {
    let binary = TableOptions { class_mode: ClassMode::Binary, ..options() };
    assert_eq!(index("filename,class\n0.jpg,b\n1.jpg,a\n", &binary).unwrap().labels().unwrap(), [1, 0]);
    for table in ["filename,class\n0.jpg,b\n1.jpg,b\n", "filename,class\n0.jpg,b\n1.jpg,a\nx.jpg,c\n"] {
        assert!(problem(table, &binary).starts_with("binary needs two classes, and "), "{table:?}");
    }
    assert!(problem("filename,class\n0.jpg,b\nx.jpg,a\n", &binary).contains("and 1 are there"));
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for (options, expected) in [
        (TableOptions { y_col: columns(&["a", "b"]), ..options() }, "y_col: expected one column where samples have"),
        (
            TableOptions { y_col: vec![], class_mode: ClassMode::Raw, ..options() },
            "y_col: expected at least one column",
        ),
        (
            TableOptions { classes: Some(columns(&["a"])), class_mode: ClassMode::None, ..options() },
            "classes: expected none",
        ),
        (TableOptions { list_separator: Some('|'), class_mode: ClassMode::Sparse, ..options() }, "list_separator: "),
        (TableOptions { delimiter: 'é', ..options() }, "delimiter: expected an ASCII character"),
    ] {
        let message = index("filename,class\n0.jpg,a\n", &options).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
}

// tests/fixtures/tables/make.py made the files, with pandas and pyarrow.
#[cfg(feature = "parquet")]
mod parquet {
    use super::*;

    fn index(options: TableOptions) -> Result<Index, LoaderError> {
        let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tables/photos.data");
        Index::from_table(&table, &TableOptions { validate_filenames: false, ..options })
    }

    #[test]
    fn columns_have_types() {
        let found = index(TableOptions { weight_col: Some("weight".to_owned()), ..options() }).unwrap();
        assert_eq!(names(&found), ["0.jpg", "1.jpg", "2.jpg"]);
        assert_eq!((found.classes(), found.labels().unwrap()), (&columns(&["cat", "dog"])[..], &[1, 0, 1][..]));
        assert_eq!(found.weights().unwrap(), [0.5, 1.0, 2.0]);
        let numbers = columns(&["integer", "double", "truth"]);
        let found = index(TableOptions { class_mode: ClassMode::Raw, y_col: numbers, ..options() }).unwrap();
        let data = vec![1., 0.5, 1., -2., 1.5, 0., 3., 2.5, 1.];
        assert_eq!(*found.targets(), Targets::Values(Values { width: 3, data }));
    }

    #[test]
    fn lists_are_lists() {
        let found = index(TableOptions { y_col: columns(&["tags"]), ..options() }).unwrap();
        let Targets::MultiHot(classes) = found.targets() else { panic!() };
        assert_eq!(found.classes(), ["indoor", "wet"]);
        assert_eq!((classes.get(0), classes.get(1), classes.get(2)), (&[1, 0][..], &[][..], &[0][..]));
        let outputs = TableOptions { class_mode: ClassMode::MultiOutput, y_col: columns(&["box"]), ..options() };
        let Targets::MultiOutput(outputs) = index(outputs).unwrap().targets().clone() else { panic!() };
        assert_eq!(outputs[0].targets, Targets::Values(Values { width: 2, data: vec![1., 2., 3., 4., 5., 6.] }));
    }

    #[test]
    fn what_is_wrong_is_named_by_row_and_column() {
        let message =
            |y_col: &str| index(TableOptions { y_col: columns(&[y_col]), ..options() }).unwrap_err().to_string();
        let integer = message("integer");
        assert!(
            integer.ends_with("row 1, column `integer`: expected the text of a class name, got a number"),
            "{integer}"
        );
        assert!(message("holes").ends_with("row 2, column `holes`: empty class name"));
        assert!(message("nothing").contains("no column `nothing`; there are `filename`, `class`"));
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tables/photos.data")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("damaged.parquet");
        for length in (4..whole.len()).step_by(97) {
            fs::write(&path, &whole[..length]).unwrap();
            let error = Index::from_table(&path, &options()).unwrap_err();
            assert!(error.to_string().ends_with("damaged.parquet: cannot read the table"), "{error}");
        }
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_is_known_by_its_content() {
    let message = problem("PAR1....", &options());
    assert!(message.starts_with("a Parquet file, which this build cannot read"), "{message}");
}
