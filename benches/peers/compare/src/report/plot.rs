use std::path::Path;

use plotters::prelude::*;
use subjects::Error;

/// A value and its spread.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Draws horizontal bars, the first one at the top. A line shows the spread.
pub(super) fn bars(file: &Path, title: &str, bars: &[Bar]) -> Result<(), Error> {
    let height = TITLE_HEIGHT + BAR_HEIGHT * bars.len() as u32;
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let highest = bars.iter().map(|bar| bar.high).fold(0.0, f64::max);
    area.draw(&Text::new(title, (10, 10), ("sans-serif", 18).into_font()))?;
    let pixels = |value: f64| LABEL_WIDTH + (value.max(0.0) / highest * f64::from(BAR_WIDTH)) as i32;
    for (place, bar) in bars.iter().enumerate() {
        let top = (TITLE_HEIGHT + BAR_HEIGHT * place as u32) as i32;
        let (middle, bottom) = (top + 11, top + 22);
        let style = ("sans-serif", 14).into_font();
        area.draw(&Text::new(bar.label.clone(), (10, top + 4), style.clone()))?;
        let color = if bar.label.starts_with("handstamp") { OURS } else { OTHERS };
        area.draw(&Rectangle::new([(LABEL_WIDTH, top), (pixels(bar.value), bottom)], color.filled()))?;
        let spread = [(pixels(bar.low), middle), (pixels(bar.high), middle)];
        area.draw(&PathElement::new(spread, BLACK.stroke_width(2)))?;
        let end = pixels(bar.high.max(bar.value));
        area.draw(&Text::new(written(bar.value), (end + 6, top + 4), style))?;
    }
    Ok(area.present()?)
}

fn written(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { super::numbers::rounded(value) }
}

const OURS: RGBColor = RGBColor(31, 119, 180);
const OTHERS: RGBColor = RGBColor(170, 170, 170);
const WIDTH: u32 = 800;
const TITLE_HEIGHT: u32 = 44;
const BAR_HEIGHT: u32 = 30;
const LABEL_WIDTH: i32 = 240;
const BAR_WIDTH: i32 = 480;
