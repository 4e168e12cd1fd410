//! Reading scenario files.

use std::fs;
use std::path::PathBuf;

use scenarios::{DEFAULT_SIZE_LIMIT, LoadError, load_file};

/// A folder for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("scenarios-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_is_read_under_its_name() {
    let folder = Folder::new("read");
    let path = folder.0.join("one.yaml");
    fs::write(&path, "kernel: 6.1\n").unwrap();
    let source = load_file(&path, DEFAULT_SIZE_LIMIT).unwrap();
    assert_eq!((source.text(), source.stem()), ("kernel: 6.1\n", "one"));
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let folder = Folder::new("huge");
    let path = folder.0.join("huge.yaml");
    fs::File::create(&path).unwrap().set_len(100_000_000).unwrap();
    let error = load_file(&path, DEFAULT_SIZE_LIMIT).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { .. }));
    assert!(error.to_string().contains("larger than 1048576 bytes"), "{error}");
}

#[test]
fn what_cannot_be_read_says_why() {
    let folder = Folder::new("bad");
    let missing = load_file(&folder.0.join("none.yaml"), 10).unwrap_err();
    assert!(matches!(missing, LoadError::Unreadable { .. }));
    assert!(missing.to_string().contains("none.yaml"), "{missing}");
    assert!(matches!(load_file(&folder.0, 10), Err(LoadError::Folder { .. })));
    let path = folder.0.join("latin1.yaml");
    fs::write(&path, b"kernel: 6.1\nname: caf\xe9\n").unwrap();
    let error = load_file(&path, DEFAULT_SIZE_LIMIT).unwrap_err();
    assert!(matches!(error, LoadError::NotUtf8 { line: 2, offset: 21, .. }), "{error:?}");
}

#[cfg(unix)]
#[test]
fn an_endless_device_is_refused() {
    let error = load_file(std::path::Path::new("/dev/zero"), 1000).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { .. }));
}
