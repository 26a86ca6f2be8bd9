//! Messages on standard output.

use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write, stdout};

use chrono::Local;
use clap::Args;
use mqtt::client::Received;

use crate::failure::Failure;
use crate::format::Format;

/// How messages are printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct Look {
    /// The topic before each payload, too; without meaning next to -F
    #[arg(short = 'v', long, help_heading = "Output")]
    pub verbose: bool,
    /// How each message is printed, in the letters below
    #[arg(short = 'F', long, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<String>,
    /// No line end behind each message
    #[arg(short = 'N', long = "no-eol", help_heading = "Output")]
    pub no_line_end: bool,
}

/// What -F takes, for the end of the help.
pub(crate) const FORMAT_HELP: &str = "\
Letters for -F:
  %t topic   %p payload   %x %X payload in hex   %l its length   %q QoS   %r 1 if retained
  %m packet identifier   %j all as JSON   %J the same, of a payload that is JSON itself
  %I local date and time   %U seconds since 1970   @Y @m @d @H @M @S @N @z as strftime has them
  MQTT 5: %A topic alias   %C content type   %D correlation data   %E message expiry
          %F payload format   %P user properties   %R response topic   %S subscription id
  %% @@ \\\\ for themselves, \\n \\t \\r \\e \\a \\v \\0";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Style {
    Payload,
    TopicAndPayload,
    Format(Format),
}

/// Whether anybody still reads what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    There,
    /// The pipe is closed: time to end without a word.
    Gone,
}

/// Prints in the look that was asked for. What is printed is seen at the next `flush`.
#[derive(Debug)]
pub(crate) struct Printer<W: Write> {
    out: BufWriter<W>,
    style: Style,
    line_end: &'static [u8],
}

impl Printer<StdoutLock<'static>> {
    /// # Errors
    /// A format that is none.
    pub fn on_stdout(look: &Look) -> Result<Self, Failure> {
        Self::on(stdout().lock(), look)
    }
}

impl<W: Write> Printer<W> {
    fn on(out: W, look: &Look) -> Result<Self, Failure> {
        let style = match &look.format {
            Some(text) => Style::Format(Format::parse(text)?),
            None if look.verbose => Style::TopicAndPayload,
            None => Style::Payload,
        };
        let line_end: &[u8] = if look.no_line_end { b"" } else { b"\n" };
        Ok(Self { out: BufWriter::new(out), style, line_end })
    }

    /// # Errors
    /// Output that cannot be written, save for a closed pipe.
    pub fn print(&mut self, received: &Received) -> Result<Audience, Failure> {
        audience(self.write(received))
    }

    /// # Errors
    /// As `print`.
    pub fn flush(&mut self) -> Result<Audience, Failure> {
        audience(self.out.flush())
    }

    fn write(&mut self, received: &Received) -> io::Result<()> {
        let Self { out, style, line_end } = self;
        match style {
            Style::Format(format) => format.print(out, received, Local::now())?,
            // As mosquitto_sub: an empty message shows only where its topic does.
            Style::Payload if received.payload.is_empty() => return Ok(()),
            Style::Payload => out.write_all(&received.payload)?,
            Style::TopicAndPayload => {
                write!(out, "{} ", received.topic)?;
                let payload = if received.payload.is_empty() { &b"(null)"[..] } else { &received.payload };
                out.write_all(payload)?;
            }
        }
        out.write_all(line_end)
    }
}

fn audience(written: io::Result<()>) -> Result<Audience, Failure> {
    match written {
        Ok(()) => Ok(Audience::There),
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(Audience::Gone),
        Err(e) => Err(Failure::general(format!("cannot write to standard output: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use mqtt::QoS;

    use super::*;

    fn printed(look: &Look, payload: &'static [u8]) -> Vec<u8> {
        let received = Received {
            topic: "a/b".into(),
            payload: Bytes::from_static(payload),
            qos: QoS::AtMostOnce,
            retain: false,
            dup: false,
            expiry: None,
            alias: None,
            subscription_ids: Vec::new(),
            properties: Bytes::new(),
            packet_id: None,
            receipt: None,
        };
        let mut bytes = Vec::new();
        let mut printer = Printer::on(&mut bytes, look).unwrap();
        assert_eq!(printer.print(&received), Ok(Audience::There));
        assert_eq!(printer.flush(), Ok(Audience::There));
        drop(printer);
        bytes
    }

    #[test]
    fn looks_are_mosquittos() {
        let plain = Look { verbose: false, format: None, no_line_end: false };
        let verbose = Look { verbose: true, ..plain.clone() };
        let bare = Look { no_line_end: true, ..plain.clone() };
        let format = Look { format: Some("%t=%p;".to_owned()), ..plain.clone() };
        assert_eq!(printed(&plain, b"x\xff"), b"x\xff\n");
        assert_eq!(printed(&plain, b""), b"");
        assert_eq!(printed(&verbose, b"x"), b"a/b x\n");
        assert_eq!(printed(&verbose, b""), b"a/b (null)\n");
        assert_eq!(printed(&bare, b"x"), b"x");
        assert_eq!(printed(&format, b"x"), b"a/b=x;\n");
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let look = Look { verbose: false, format: Some("x".to_owned()), no_line_end: false };
        let mut printer = Printer::on(Closed, &look).unwrap();
        printer.out.write_all(b"x").unwrap();
        assert_eq!(printer.flush(), Ok(Audience::Gone));
    }
}
