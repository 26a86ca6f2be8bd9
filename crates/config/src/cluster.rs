//! What a data directory remembers of the cluster it belongs to: the content of `cluster.json`.

use serde::{Deserialize, Serialize};

use crate::Cardinality;

/// Facts that must not change while there is data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterRecord {
    /// Into how many partitions the data is divided.
    pub partitions: Cardinality,
}

/// Why a record was not understood; a phrase to follow the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterRecordError {
    /// Not JSON, or not the fields it should have.
    #[error("is not a cluster record ({0}); restore it from a copy, or move the data directory away to start anew")]
    Malformed(String),
    /// Written by another version of causeway.
    #[error("has format version {0} where this causeway knows {VERSION}; use the causeway that wrote it")]
    Version(u32),
}

/// The format written. A change of meaning raises it; readers know it and the one before.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version1 {
    version: u32,
    partitions: u16,
}

#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
}

impl ClusterRecord {
    /// Reads the file's text.
    ///
    /// # Errors
    /// Text that is no such record, or one of a later version.
    pub fn from_json(text: &str) -> Result<Self, ClusterRecordError> {
        let malformed = |e: serde_json::Error| ClusterRecordError::Malformed(e.to_string());
        let AnyVersion { version } = serde_json::from_str(text).map_err(malformed)?;
        if version != VERSION {
            return Err(ClusterRecordError::Version(version));
        }
        let record: Version1 = serde_json::from_str(text).map_err(malformed)?;
        match Cardinality::new(record.partitions) {
            Some(partitions) => Ok(Self { partitions }),
            None => Err(ClusterRecordError::Malformed(format!("{} partitions", record.partitions))),
        }
    }

    /// The file's text.
    pub fn to_json(self) -> String {
        format!("{{\"version\":{VERSION},\"partitions\":{}}}\n", self.partitions.get())
    }
}

#[cfg(test)]
mod tests {
    use super::{ClusterRecord, ClusterRecordError};
    use crate::Cardinality;

    #[test]
    fn golden_text_of_version_1() {
        let text = "{\"version\":1,\"partitions\":4}\n";
        let record = ClusterRecord { partitions: Cardinality::new(4).unwrap() };
        assert_eq!(record.to_json(), text);
        assert_eq!(ClusterRecord::from_json(text), Ok(record));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "{",
            "[]",
            "{\"version\":1}",
            "{\"version\":1,\"partitions\":0}",
            "{\"version\":1,\"partitions\":17}",
            "{\"version\":1,\"partitions\":4,\"more\":1}",
            "{\"partitions\":4}",
        ] {
            let error = ClusterRecord::from_json(text).unwrap_err();
            assert!(matches!(error, ClusterRecordError::Malformed(_)), "{text}");
        }
        assert_eq!(ClusterRecord::from_json("{\"version\":2,\"shards\":4}"), Err(ClusterRecordError::Version(2)));
    }
}
