//! Gives the executables of a package (tests, binaries, benches) the search path of the libtorch they were linked
//! against, so that they start without `LD_LIBRARY_PATH`.
//!
//! A linker argument reaches only the package whose build script prints it. A package with executables of its own
//! therefore says `build = "../backbones/build.rs"` and depends on torch-sys directly: cargo hands torch-sys'
//! `libtorch_lib` (its `links` key is `tch`) to direct dependents only.

fn main() {
    // No path: it would be looked for in the package at hand, and a missing one is always new.
    println!("cargo::rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() != Ok("unix") {
        return;
    }
    let origin =
        if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("macos") { "@executable_path" } else { "$ORIGIN" };
    // First: an installed tree (bin/xfer-cli beside lib/libtorch*.so) wins over the folder it was built against.
    println!("cargo::rustc-link-arg=-Wl,-rpath,{origin}/../lib");
    // Static builds and documentation builds have no libtorch folder.
    if let Some(libtorch) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", libtorch.display());
    }
}
