//! Files as `torch.save` writes them, and ones that it never would.
#![allow(dead_code, unreachable_pub)]

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A zip archive of uncompressed entries.
pub fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in entries {
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A tensor of the dictionary.
#[derive(Clone)]
pub struct Entry {
    pub name: &'static str,
    /// `FloatStorage`, …
    pub class: &'static str,
    pub storage: &'static str,
    /// In the storage, as the pickle says.
    pub elements: i32,
    pub offset: i32,
    pub shape: Vec<i32>,
    pub strides: Vec<i32>,
    pub parameter: bool,
}

impl Entry {
    /// All of a storage of floats, row by row.
    pub fn new(name: &'static str, storage: &'static str, shape: &[i32]) -> Self {
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis];
        }
        Self {
            name,
            class: "FloatStorage",
            storage,
            elements: shape.iter().product(),
            offset: 0,
            shape: shape.to_vec(),
            strides,
            parameter: false,
        }
    }

    fn pickle(&self, to: &mut Vec<u8>) {
        if self.parameter {
            to.extend(b"ctorch._utils\n_rebuild_parameter\n(");
        }
        to.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(to, "storage");
        to.extend(format!("ctorch\n{}\n", self.class).as_bytes());
        text(to, self.storage);
        text(to, "cpu");
        int(to, self.elements);
        to.extend(b"tQ");
        int(to, self.offset);
        for axes in [&self.shape, &self.strides] {
            to.push(b'(');
            axes.iter().for_each(|axis| int(to, *axis));
            to.push(b't');
        }
        to.extend(b"\x89ccollections\nOrderedDict\n)RtR");
        if self.parameter {
            to.extend(b"\x88ccollections\nOrderedDict\n)RtR");
        }
    }
}

fn text(to: &mut Vec<u8>, text: &str) {
    to.push(b'X');
    to.extend((text.len() as u32).to_le_bytes());
    to.extend(text.as_bytes());
}

fn int(to: &mut Vec<u8>, number: i32) {
    to.push(b'J');
    to.extend(number.to_le_bytes());
}

/// `data.pkl` of a dictionary of tensors.
pub fn pickle(entries: &[Entry]) -> Vec<u8> {
    let mut pickle = b"\x80\x02}q\x00(".to_vec();
    for entry in entries {
        text(&mut pickle, entry.name);
        entry.pickle(&mut pickle);
    }
    pickle.extend(b"u.");
    pickle
}

/// The file of some tensors and storages.
pub fn file(entries: &[Entry], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let pickle = pickle(entries);
    let names: Vec<String> = storages
        .iter()
        .map(|(key, _)| format!("archive/data/{key}"))
        .collect();
    let mut content: Vec<(&str, &[u8])> = vec![
        ("archive/data.pkl", &pickle),
        ("archive/byteorder", b"little"),
    ];
    content.extend(
        names
            .iter()
            .map(String::as_str)
            .zip(storages.iter().map(|(_, data)| *data)),
    );
    content.push(("archive/version", b"3\n"));
    archive(&content)
}

pub fn floats(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
