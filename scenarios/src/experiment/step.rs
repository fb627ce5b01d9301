//! Finished steps of an experiment, so that an interrupted one goes on.
//!
//! RON rather than JSON: numbers come back to the last bit.

use crate::folder::Folder;
use crate::manifest::RunError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::Path;

/// Writes what a step came to, whole or not at all.
///
/// # Errors
/// The file system refuses.
pub fn keep<T: Serialize>(path: &Path, step: &T) -> Result<(), RunError> {
    let text = ron::to_string(step)
        .map_err(|error| RunError::Damaged { path: path.to_owned(), reason: error.to_string() })?;
    let partial = Folder::partial(path);
    fs::write(&partial, text).map_err(RunError::io(&partial))?;
    fs::rename(&partial, path).map_err(RunError::io(path))
}

/// What a step came to; `None` where it has not been taken.
///
/// # Errors
/// The file cannot be read, or is not what was written.
pub fn kept<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RunError> {
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(path).map_err(RunError::io(path))?;
    let read = ron::from_str(&text);
    read.map(Some)
        .map_err(|error| RunError::Damaged { path: path.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_to_the_last_bit_and_a_damaged_file_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.ron");
        assert_eq!(kept::<Vec<f64>>(&path).expect("nothing yet"), None);
        let numbers = vec![0.1 + 0.2, f64::INFINITY, 1e300, -5e-324, 1.0 / 3.0];
        keep(&path, &numbers).expect("writes");
        assert_eq!(kept::<Vec<f64>>(&path).expect("reads"), Some(numbers));
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 1);
        fs::write(&path, "[1.0, ").expect("writes");
        let refused = kept::<Vec<f64>>(&path).expect_err("cut off").to_string();
        assert!(refused.contains("a.ron") && refused.contains("damaged"), "{refused}");
    }
}
