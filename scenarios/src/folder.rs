//! Run folders: written under another name and renamed when complete, so that a partial result is
//! never mistaken for a result.

use crate::manifest::{MANIFEST_FILE, Manifest, RunError};
use std::fs;
use std::path::{Path, PathBuf};

/// A run folder in the making.
#[derive(Debug)]
pub struct Folder {
    target: PathBuf,
    partial: PathBuf,
    /// Whether an abandoned folder stays for `--resume`.
    keep: bool,
    finished: bool,
}

impl Folder {
    /// Begins a folder that will be called `target`.
    ///
    /// # Errors
    /// `target` exists, or the file system refuses.
    pub fn create(target: &Path) -> Result<Self, RunError> {
        let folder = Self::at(target, false)?;
        if folder.partial.exists() {
            fs::remove_dir_all(&folder.partial).map_err(RunError::io(&folder.partial))?;
        }
        fs::create_dir_all(&folder.partial).map_err(RunError::io(&folder.partial))?;
        Ok(folder)
    }

    /// Begins a folder, or goes on with what an interrupted run left; it stays when abandoned.
    ///
    /// # Errors
    /// `target` exists, or the file system refuses.
    pub fn resume(target: &Path) -> Result<Self, RunError> {
        let folder = Self::at(target, true)?;
        fs::create_dir_all(&folder.partial).map_err(RunError::io(&folder.partial))?;
        Ok(folder)
    }

    fn at(target: &Path, keep: bool) -> Result<Self, RunError> {
        free(target)?;
        Ok(Self {
            target: target.to_owned(),
            partial: Self::partial(target),
            keep,
            finished: false,
        })
    }

    /// Where the folder or file `target` is while it is being made.
    #[must_use]
    pub fn partial(target: &Path) -> PathBuf {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        target.with_file_name(name)
    }

    /// Where to write.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// What it will be called.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Keeps the partial folder if it is abandoned from now on.
    pub const fn keep(&mut self) {
        self.keep = true;
    }

    /// Hashes what was written, writes the manifest last, and gives the folder its name.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn finish(self, mut manifest: Manifest) -> Result<PathBuf, RunError> {
        manifest.files.clear();
        hash_files(&self.partial, &self.partial, &mut manifest.files)?;
        manifest.files.sort();
        let path = self.partial.join(MANIFEST_FILE);
        fs::write(&path, manifest.to_ron()).map_err(RunError::io(&path))?;
        self.rename()
    }

    /// Gives the folder its name as it is: one that is no run and needs no manifest.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn rename(mut self) -> Result<PathBuf, RunError> {
        fs::rename(&self.partial, &self.target).map_err(RunError::io(&self.target))?;
        self.finished = true;
        Ok(self.target.clone())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.finished && !self.keep && fs::remove_dir_all(&self.partial).is_err() {
            // Nothing to tell: the name says that it is partial.
        }
    }
}

/// Refuses a name that is taken, or is none.
fn free(target: &Path) -> Result<(), RunError> {
    if target.file_name().is_none() {
        return Err(RunError::NoName { path: target.to_owned() });
    }
    // A dangling link is taken too.
    if target.symlink_metadata().is_ok() {
        return Err(RunError::Exists { path: target.to_owned() });
    }
    Ok(())
}

/// A single file in the making: whether it can be written is known before the work begins.
#[derive(Debug)]
pub struct OutFile {
    target: PathBuf,
    partial: PathBuf,
}

impl OutFile {
    /// Begins a file that will be called `target`.
    ///
    /// # Errors
    /// `target` exists, or the file system refuses.
    pub fn create(target: &Path) -> Result<Self, RunError> {
        free(target)?;
        let partial = Folder::partial(target);
        fs::File::create(&partial).map_err(RunError::io(target))?;
        Ok(Self { target: target.to_owned(), partial })
    }

    /// Writes the file and gives it its name.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn finish(self, contents: &[u8]) -> Result<(), RunError> {
        fs::write(&self.partial, contents).map_err(RunError::io(&self.target))?;
        fs::rename(&self.partial, &self.target).map_err(RunError::io(&self.target))
    }
}

impl Drop for OutFile {
    fn drop(&mut self) {
        if fs::remove_file(&self.partial).is_err() {
            // It has its name already; or nothing can be done, and the name says that it is partial.
        }
    }
}

fn hash_files(
    root: &Path,
    folder: &Path,
    files: &mut Vec<(String, String)>,
) -> Result<(), RunError> {
    for entry in fs::read_dir(folder).map_err(RunError::io(folder))? {
        let path = entry.map_err(RunError::io(folder))?.path();
        if path.is_dir() {
            hash_files(root, &path, files)?;
        } else {
            let bytes = fs::read(&path).map_err(RunError::io(&path))?;
            let name = path.strip_prefix(root).unwrap_or(&path);
            let name = name.to_string_lossy().replace('\\', "/");
            if name != MANIFEST_FILE {
                files.push((name, blake3::hash(&bytes).to_hex().to_string()));
            }
        }
    }
    Ok(())
}

/// The first folder name under `base` that is free: `stem`, `stem-2`, `stem-3`, …
#[must_use]
pub fn free_name(base: &Path, stem: &str) -> PathBuf {
    let first = base.join(stem);
    if !first.exists() {
        return first;
    }
    let mut n = 2_u32;
    loop {
        let path = base.join(format!("{stem}-{n}"));
        if !path.exists() {
            return path;
        }
        n += 1;
    }
}
