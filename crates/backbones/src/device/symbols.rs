//! Functions that are in the process already, by name.

/// The function called `name` among the libraries that the process is linked to or has loaded for all to see.
///
/// # Safety
/// `F` must be the type of a pointer to that function.
#[cfg(unix)]
pub(crate) unsafe fn find<F: Copy + 'static>(name: &str) -> Result<F, String> {
    use libloading::os::unix::Library;
    let process = Library::this();
    // SAFETY: the caller knows the type. The library that has the function is never unloaded.
    let symbol =
        unsafe { process.get::<F>(name) }.map_err(|_| format!("there is no function `{name}` in the process"))?;
    Ok(*symbol)
}

/// Libraries are looked into on Unix only.
///
/// # Safety
/// As elsewhere; nothing is ever found.
#[cfg(not(unix))]
pub(crate) unsafe fn find<F: Copy + 'static>(name: &str) -> Result<F, String> {
    Err(format!("`{name}` is looked for on Linux only"))
}
