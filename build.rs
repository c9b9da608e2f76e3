//! The migrations are embedded in the program: a new folder among them must rebuild it.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
