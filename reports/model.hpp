// The one model of a report: tables, figures and sections, before any text format is chosen. An emitter (emit.hpp) is
// one function over this model, so that Markdown, HTML, LaTeX, CSV and JSON can never disagree on a figure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace attest::reports {

enum class Alignment { left, right };

/// How a person reads a number of a column. CSV and JSON ignore it: they hold the shortest text that parses back to the
/// same double, in the column's unit.
struct NumberFormat {
  enum class Style {
    significant,  // `digits` significant digits, scientific outside 1e-4 .. 1e7
    fixed,        // `digits` decimals
    scientific,   // `digits` decimals and an exponent
    integer,      // no decimals
    percent,      // the number is a share: 0.42 is written 42 %
    seconds,      // 3 significant digits and the nearest of ns, us, ms, s
    bytes,        // B, KiB, MiB, GiB, 3 significant digits
    shortest      // the fewest digits that say the same: a figure as somebody else printed it
  };
  Style style = Style::significant;
  int digits = 3;
};

struct Column {
  std::string name;
  std::string unit;  // of the raw number, such as "s" or "B"; empty for pure numbers and text
  Alignment alignment = Alignment::left;
  NumberFormat format;
};

/// What colour a status has. The word beside it always says the same, for those who do not see the colour.
enum class Tone { good, bad, warning, neutral };

struct Text {
  std::string text;
  bool code = false;    // set in the fixed-width face: kernel ids, problems
  bool strong = false;  // what the eye should find first
};
struct Number {
  double value = 0;
  bool strong = false;  // the best of its row, say
};
/// A figure that is not there, and why.
struct Missing {
  std::string reason;
};
struct Status {
  std::string word;
  Tone tone = Tone::neutral;
};
using Entry = std::variant<Text, Number, Missing, Status>;

/// Whose times the rows of a table set against each other.
enum class Compared { nothing, kernels, threads };

struct Table {
  std::string id;  // [a-z0-9_]+, unique in the report: the name of its CSV file and its anchor
  std::string title;
  std::string note;
  std::vector<Column> columns;
  std::vector<std::vector<Entry>> rows;   // each as long as `columns`
  bool collapsed = false;                 // HTML shows the title alone until it is opened
  Compared compared = Compared::nothing;  // what its rows are ratios of, with both times in the row
};

enum class Scale { linear, log2, log10 };

/// What the numbers of an axis are, which decides how its ticks are labelled.
enum class Quantity { plain, length, seconds, bytes };

struct Axis {
  std::string label;
  std::string unit;
  Scale scale = Scale::linear;
  Quantity quantity = Quantity::plain;
  std::vector<double> ticks;  // empty: chosen from the data
  /// Names in place of numbers: a point's x is the index of its category. Bars stand side by side in one.
  std::vector<std::string> categories = {};
};

struct Interval {
  double low = 0;
  double high = 0;
};

/// A point without `y` was tried and gave no figure; `status` says what happened ("oom"), and the plot shows the word.
struct Point {
  double x = 0;
  std::optional<double> y;
  std::optional<Interval> interval;
  std::string status = "passed";
};

enum class Draw { line_and_marks, line, marks, bars };

struct Series {
  std::string name;    // in the legend
  std::string kernel;  // decides colour, mark and dash (palette.hpp)
  std::vector<Point> points;
  Draw draw = Draw::line_and_marks;
  int reference = 0;  // from 1: a grey line to hold others against, a limit or a roof, each number with its own dash
  bool in_legend = true;
};

struct Panel {
  std::string title;
  std::vector<Series> series;
};

struct Figure {
  std::string id;  // [a-z0-9_]+, unique in the report
  std::string title;
  std::string caption;
  Axis x;
  Axis y;
  std::vector<Panel> panels;  // share the axes' meaning, not their ranges
  std::string filter = {};    // picks the cells it shows, for `attest sweep --filter`; empty: those of its kernels
};

struct Paragraph {
  std::string text;
  bool claim = false;  // a result in one sentence, shown with weight
};
using Block = std::variant<Paragraph, Table, Figure>;

struct Section {
  std::string id;
  std::string title;
  std::vector<Block> blocks;
};

/// A count of cells with one verdict, for the head of the report.
struct VerdictCount {
  Status status;
  long count = 0;
};

struct Report {
  std::string title;
  std::string subtitle;
  std::string headline;  // one sentence: was everything proved?
  Tone headline_tone = Tone::neutral;
  std::vector<VerdictCount> verdicts;
  std::vector<std::pair<std::string, std::string>> facts;  // what was run, as name and value
  std::vector<Section> sections;                           // the summary first
  std::vector<std::string> kernels;  // every kernel id, sorted: the order that colours and marks follow
  std::vector<std::pair<std::string, std::string>> provenance;
  std::string records_jsonl;        // the raw records, one JSON object a line
  std::vector<std::string> sweeps;  // the commands that make the cells again (reproduce.hpp)
};

}  // namespace attest::reports
