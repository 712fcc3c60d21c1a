// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the system says, in the words of the contract.

use std::io;

pub(crate) use crate::wit::exports::priory::files::files::Error;

/// What was being done when the system refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Reading,
    Writing,
}

/// Translates an error of the system.
pub(crate) fn of_io(error: &io::Error, path: &str, doing: Doing) -> Error {
    let path = path.to_owned();
    match (error.kind(), doing) {
        (io::ErrorKind::NotFound, _) => Error::NotFound(path),
        (io::ErrorKind::AlreadyExists, _) => Error::AlreadyExists(path),
        (io::ErrorKind::IsADirectory, _) => Error::NotAFile(path),
        (io::ErrorKind::NotADirectory, _) => Error::NotAFolder(path),
        (io::ErrorKind::ReadOnlyFilesystem, _) | (io::ErrorKind::PermissionDenied, Doing::Writing) => {
            Error::ReadOnly(path)
        }
        // The host answers so when a link leads out of the folder.
        (io::ErrorKind::PermissionDenied, Doing::Reading) => Error::Outside(path),
        _ => Error::Other(format!("{path}: {error}")),
    }
}
