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

/// A series of points with positive coordinates.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) label: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// Draws lines on logarithmic axes, with the labels below.
pub(super) fn lines(file: &Path, title: &str, lines: &[Line]) -> Result<(), Error> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let highest =
        |coordinate: fn(&(f64, f64)) -> f64| points().map(coordinate).fold(f64::MIN_POSITIVE, f64::max);
    let lowest = |coordinate: fn(&(f64, f64)) -> f64| points().map(coordinate).fold(f64::MAX, f64::min);
    let legend_height = LEGEND_HEIGHT * lines.len() as u32;
    let area = SVGBackend::new(file, (WIDTH, PLOT_HEIGHT + legend_height)).into_drawing_area();
    area.fill(&WHITE)?;
    let (plot, legend) = area.split_vertically(PLOT_HEIGHT);
    let x = (lowest(|point| point.0)..highest(|point| point.0)).log_scale();
    let y = (lowest(|point| point.1) * 0.8..highest(|point| point.1) * 1.25).log_scale();
    let mut chart = ChartBuilder::on(&plot)
        .caption(title, ("sans-serif", 16))
        .margin(10)
        .margin_right(40)
        .x_label_area_size(30)
        .y_label_area_size(70)
        .build_cartesian_2d(x, y)?;
    let label = |value: &f64| if *value < 1.0 { format!("{value}") } else { super::numbers::rounded(*value) };
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&label)
        .y_label_formatter(&label)
        .draw()?;
    for (place, line) in lines.iter().enumerate() {
        let color = COLORS[place % COLORS.len()];
        chart.draw_series(LineSeries::new(line.points.iter().copied(), color.stroke_width(2)))?;
        let top = (LEGEND_HEIGHT * place as u32) as i32;
        legend.draw(&PathElement::new([(80, top + 8), (110, top + 8)], color.stroke_width(3)))?;
        legend.draw(&Text::new(line.label.clone(), (120, top), ("sans-serif", 14).into_font()))?;
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
const PLOT_HEIGHT: u32 = 420;
const LEGEND_HEIGHT: u32 = 20;
const COLORS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(120, 120, 120),
];
