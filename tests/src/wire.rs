//! Bytes of MQTT: integers, strings and the fixed header, written and read with the checks of the specification.

/// Appends a Variable Byte Integer in its shortest form.
pub fn put_var(out: &mut Vec<u8>, mut value: u32) {
    loop {
        let byte = (value % 128) as u8;
        value /= 128;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

pub fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a two-byte length and the bytes. Panics above 65,535.
pub fn put_bin(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u16(out, u16::try_from(bytes.len()).expect("at most 65,535 bytes"));
    out.extend_from_slice(bytes);
}

pub fn put_str(out: &mut Vec<u8>, text: &str) {
    put_bin(out, text.as_bytes());
}

/// A whole packet: first byte, length, body.
pub fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    put_var(&mut out, u32::try_from(body.len()).expect("a body below 4 GiB"));
    out.extend_from_slice(body);
    out
}

/// What the front of a buffer holds.
pub enum Front {
    /// Not yet a whole packet.
    Part,
    /// One packet: its first byte, where its body starts, where it ends.
    Whole { first: u8, body: usize, end: usize },
}

/// Looks for a whole packet at the front of `bytes`; panics at a length no packet may have.
pub fn front(bytes: &[u8]) -> Front {
    let Some(&first) = bytes.first() else { return Front::Part };
    let mut length = 0usize;
    for i in 0..4 {
        let Some(&byte) = bytes.get(1 + i) else { return Front::Part };
        length |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            assert!(i == 0 || byte != 0, "[MQTT-1.5.5-1] a length not in its shortest form: {:02x?}", &bytes[..2 + i]);
            let body = 2 + i;
            return if bytes.len() < body + length {
                Front::Part
            } else {
                Front::Whole { first, body, end: body + length }
            };
        }
    }
    panic!("a remaining length of more than four bytes: {:02x?}", &bytes[..5]);
}

/// Reads fields off a packet's body; panics where the broker wrote something the specification forbids.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Reader { rest: body }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn take(&mut self, count: usize) -> &'a [u8] {
        assert!(self.rest.len() >= count, "a packet ends inside a field: {:02x?}", self.rest);
        let (head, rest) = self.rest.split_at(count);
        self.rest = rest;
        head
    }

    pub fn rest(&mut self) -> &'a [u8] {
        self.take(self.rest.len())
    }

    pub fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub fn u16(&mut self) -> u16 {
        let b = self.take(2);
        u16::from_be_bytes([b[0], b[1]])
    }

    pub fn u32(&mut self) -> u32 {
        let b = self.take(4);
        u32::from_be_bytes([b[0], b[1], b[2], b[3]])
    }

    pub fn var(&mut self) -> u32 {
        let mut value = 0u32;
        for i in 0..4 {
            let byte = self.u8();
            value |= u32::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                assert!(i == 0 || byte != 0, "[MQTT-1.5.5-1] a variable byte integer not in its shortest form");
                return value;
            }
        }
        panic!("a variable byte integer of more than four bytes");
    }

    pub fn bin(&mut self) -> Vec<u8> {
        let count = self.u16();
        self.take(usize::from(count)).to_vec()
    }

    pub fn str(&mut self) -> String {
        let text = String::from_utf8(self.bin()).expect("[MQTT-1.5.4-1] a string that is not UTF-8");
        assert!(!text.contains('\0'), "[MQTT-1.5.4-2] a string with U+0000");
        text
    }
}
