//! A chart with a line for each broker, as SVG.

use std::fmt::Write;

use crate::axis::{Axis, text};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 90.0;

/// How many times the least cost the most one is, from where on a straight scale shows nothing of the least.
const FAR_APART: f64 = 10.0;

/// Colours that people who see few of them can tell apart.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// What one broker does.
#[derive(Debug, PartialEq)]
pub struct Line {
    pub name: String,
    /// In ascending order; along more than 0, up not less.
    pub points: Vec<(f64, f64)>,
}

/// See the module. Along it goes by the logarithm; up too, where costs are far apart.
pub struct Chart {
    pub title: &'static str,
    pub along: &'static str,
    pub up: &'static str,
    pub lines: Vec<Line>,
}

impl Chart {
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter());
        let along = Axis::logarithmic(points().map(|(along, _)| *along));
        let costs = || points().map(|(_, up)| *up);
        let (least, most) = (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max));
        let up =
            if least > 0.0 && most > least * FAR_APART { Axis::logarithmic(costs()) } else { Axis::linear(costs()) };
        let x = |number: f64| LEFT + along.place(number) * (WIDTH - LEFT - RIGHT);
        let bottom = HEIGHT - BOTTOM;
        let y = |number: f64| HEIGHT - BOTTOM - up.place(number) * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        let out = &mut svg;
        label(out, (WIDTH / 2.0, 28.0), Anchor::Middle, self.title);
        for mark in along.marks() {
            stroke(out, (x(mark), bottom), (x(mark), TOP));
            label(out, (x(mark), HEIGHT - BOTTOM + 20.0), Anchor::Middle, &text(mark));
        }
        for mark in up.marks() {
            stroke(out, (LEFT, y(mark)), (WIDTH - RIGHT, y(mark)));
            label(out, (LEFT - 8.0, y(mark) + 4.0), Anchor::End, &text(mark));
        }
        label(out, ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - BOTTOM + 42.0), Anchor::Middle, self.along);
        label(out, (LEFT - 50.0, TOP - 10.0), Anchor::Start, self.up);
        let mut legend = LEFT;
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let places: Vec<_> = line.points.iter().map(|(along, up)| (x(*along), y(*up))).collect();
            curve(out, &places, colour);
            swatch(out, legend, colour);
            label(out, (legend + 30.0, HEIGHT - 18.0), Anchor::Start, &line.name);
            legend += 50.0 + 8.0 * line.name.chars().count() as f64;
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Which end of a text its place is.
#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

fn label(out: &mut String, (x, y): (f64, f64), anchor: Anchor, text: &str) {
    let anchor = match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    put(out, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#222\">{text}</text>"));
}

fn stroke(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    put(out, format_args!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ddd\"/>"));
}

fn curve(out: &mut String, places: &[(f64, f64)], colour: &str) {
    let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let path = path.join(" ");
    put(out, format_args!("<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"));
    for (x, y) in places {
        put(out, format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"));
    }
}

fn swatch(out: &mut String, x: f64, colour: &str) {
    let y = HEIGHT - 26.0;
    put(out, format_args!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"22\" height=\"6\" fill=\"{colour}\"/>"));
}

fn put(out: &mut String, element: std::fmt::Arguments<'_>) {
    writeln!(out, "{element}").expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broker_has_its_line_and_its_name() {
        let line = |name: &str, cost| Line { name: name.into(), points: vec![(10.0, cost), (1000.0, 2.0 * cost)] };
        let chart = Chart { title: "t", along: "x", up: "y", lines: vec![line("one", 1.0), line("<two>", 5.0)] };
        let svg = chart.svg();
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(svg.contains(">one<") && svg.contains(">&lt;two><"));
        // The dearest point is at the top, the first on the left.
        assert!(svg.contains(&format!("{LEFT:.1},")) && svg.contains(&format!(",{TOP:.1}")), "{svg}");
    }
}
