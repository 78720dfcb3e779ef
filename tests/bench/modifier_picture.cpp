#include "modifier_picture.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace coworker::bench {

namespace {

using namespace coworker::testing;

constexpr double panel_width = 480, panel_height = 250, head = 66;
constexpr double left = 44, plot_width = 416;
constexpr double limits_top = 44, limits_height = 105, latencies_top = 162, latencies_height = 60;
constexpr int bins = 104;
constexpr const char* own_colour = "#1f5fbf";
const std::vector<const char*> other_colours = {"#e08a2c", "#3a9a5b", "#b05bb0"};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string shortest(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

// A chart: a rectangle of the picture with its scales.
struct plot {
  double x, y, height, most_seconds, most;

  double at_x(double seconds) const { return x + plot_width * seconds / most_seconds; }
  double at_y(double value) const { return y + height * (1 - std::min(value, most) / most); }
};

class canvas {
 public:
  void text(double x, double y, const std::string& what, const char* style) {
    add("<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + style + ">" + escaped(what) + "</text>\n");
  }
  void line(double x1, double y1, double x2, double y2, const std::string& style) {
    add("<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) + "\" y2=\"" +
        number(y2) + "\" " + style + "/>\n");
  }
  void path(const std::string& points, const std::string& style) {
    add("<path d=\"" + points + "\" " + style + "/>\n");
  }
  void rectangle(double x, double y, double width, double height, const char* style) {
    add("<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(width) + "\" height=\"" +
        number(height) + "\" " + style + "/>\n");
  }
  const std::string& all() const { return text_; }
  void add(const std::string& what) { text_ += what; }

 private:
  static std::string escaped(const std::string& what) {
    std::string clean;
    for (const char c : what) clean += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
    return clean;
  }
  std::string text_;
};

std::string stroke(const char* colour, double width, const char* more = "") {
  return std::string("fill=\"none\" stroke=\"") + colour + "\" stroke-width=\"" + number(width) + "\" " +
         more;
}

// Returns the path of a limit over time, as steps.
std::string limit_path(const run_record& run, const plot& in) {
  const double end = run.killed_at > 0 ? run.killed_at : in.most_seconds;
  std::string points;
  for (std::size_t i = 0; i < run.limits.size(); ++i) {
    const double from = run.limits[i].at;
    const double to = i + 1 < run.limits.size() ? run.limits[i + 1].at : end;
    if (to - from < in.most_seconds / 800 && i > 0) continue;  // too narrow to see
    const std::string y = number(in.at_y(run.limits[i].limit));
    points += (points.empty() ? "M" : "L") + number(in.at_x(from)) + " " + y;
    points += "L" + number(in.at_x(to)) + " " + y;
  }
  return points;
}

// Returns for each bin of time the latency that this share of its jobs stays within.
std::vector<double> percentiles(const run_record& run, double length, double share) {
  std::vector<std::vector<double>> found(bins);
  for (const completion& ended : run.completions) {
    const auto bin = static_cast<std::size_t>(ended.at / length * bins);
    if (bin < found.size()) found[bin].push_back(ended.latency);
  }
  std::vector<double> values;
  double last = 0;
  for (std::vector<double>& bin : found) {
    if (!bin.empty()) {
      std::sort(bin.begin(), bin.end());
      last = bin[static_cast<std::size_t>(share * static_cast<double>(bin.size() - 1))];
    }
    values.push_back(last);
  }
  return values;
}

std::string bins_path(const std::vector<double>& values, const plot& in) {
  std::string points;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double middle = (static_cast<double>(i) + 0.5) / bins * in.most_seconds;
    points += (points.empty() ? "M" : "L") + number(in.at_x(middle)) + " " + number(in.at_y(values[i]));
  }
  return points;
}

double round_up(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double step : {1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0}) {
    if (value <= step * power * 1.0001) return step * power;
  }
  return value;
}

void draw_frame(canvas& on, const plot& in) {
  on.rectangle(in.x, in.y, plot_width, in.height, "fill=\"#fafafa\" stroke=\"#cccccc\"");
  on.line(in.x, in.at_y(in.most / 2), in.x + plot_width, in.at_y(in.most / 2), "stroke=\"#e4e4e4\"");
  on.text(in.x - 5, in.y + 9, shortest(in.most), "class=\"tick\" text-anchor=\"end\"");
  on.text(in.x - 5, in.at_y(in.most / 2) + 4, shortest(in.most / 2), "class=\"tick\" text-anchor=\"end\"");
  on.text(in.x - 5, in.y + in.height, "0", "class=\"tick\" text-anchor=\"end\"");
}

// Drawn last, so that no curve hides it.
void draw_name(canvas& on, const plot& in, const char* what) {
  on.text(in.x + plot_width - 5, in.y + 12, what, "class=\"tick name\" text-anchor=\"end\"");
}

void draw_best(canvas& on, const panel& of, const plot& in, bool latencies) {
  const std::vector<stretch> parts = stretches_of(of.what);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const double y = in.at_y(latencies ? of.best_p99[i] : of.best_limits[i]);
    on.line(in.at_x(parts[i].from), y, in.at_x(parts[i].to), y,
            "stroke=\"#222222\" stroke-width=\"1.2\" stroke-dasharray=\"5 3\"");
  }
}

void draw_panel(canvas& on, const panel& of, double x, double y) {
  on.text(x + left, y + 18, of.what.name, "class=\"title\"");
  on.text(x + left, y + 35, of.what.description, "class=\"note\"");
  double most_limit = 4, most_latency = 0;
  for (const int limit : of.best_limits) most_limit = std::max(most_limit, 2.5 * limit);
  for (const double p99 : of.best_p99) most_latency = std::max(most_latency, 1.6 * p99);
  const plot limits{x + left, y + limits_top, limits_height, of.what.length, round_up(most_limit)};
  const plot latencies{x + left, y + latencies_top, latencies_height, of.what.length, round_up(most_latency)};
  draw_frame(on, limits);
  draw_frame(on, latencies);
  for (const stretch& part : stretches_of(of.what)) {
    if (part.from <= 0) continue;
    for (const plot& in : {limits, latencies}) {
      on.line(in.at_x(part.from), in.y, in.at_x(part.from), in.y + in.height, "stroke=\"#bbbbbb\"");
    }
  }
  for (std::size_t i = 0; i < of.others.size(); ++i) {
    const char* const colour = other_colours[i % other_colours.size()];
    on.path(limit_path(of.others[i], limits), stroke(colour, 1, "stroke-opacity=\"0.75\""));
    if (of.others[i].killed_at <= 0) continue;
    const double at = limits.at_x(of.others[i].killed_at) + 4;
    on.text(at, limits.y + 12 + 12 * static_cast<double>(i), "killed",
            (std::string("class=\"tick\" style=\"fill:") + colour + "\"").c_str());
  }
  draw_best(on, of, limits, false);
  on.path(limit_path(of.recommended, limits), stroke(own_colour, 1.6));
  draw_best(on, of, latencies, true);
  on.path(bins_path(percentiles(of.recommended, of.what.length, 0.99), latencies),
          stroke(own_colour, 1, "stroke-opacity=\"0.55\""));
  on.path(bins_path(percentiles(of.recommended, of.what.length, 0.5), latencies), stroke(own_colour, 1.6));
  draw_name(on, limits, "limit");
  draw_name(on, latencies, "job time, s");
  on.text(x + left, y + latencies_top + latencies_height + 14, "0", "class=\"tick\"");
  on.text(x + left + plot_width, y + latencies_top + latencies_height + 14, shortest(of.what.length) + " s",
          "class=\"tick\" text-anchor=\"end\"");
}

void draw_legend(canvas& on, const std::vector<std::string>& names) {
  on.text(left, 26, "The concurrency limit over time, and what it does to job times", "class=\"head\"");
  double x = left;
  const auto entry = [&](const std::string& name, const std::string& style) {
    on.line(x, 46, x + 24, 46, style);
    on.text(x + 30, 50, name, "class=\"note\"");
    x += 52 + 6.4 * static_cast<double>(name.size());
  };
  entry("hill_climb (job times: median, and p99 paler)", stroke(own_colour, 2));
  entry("best fixed limit and its p99", stroke("#222222", 1.2, "stroke-dasharray=\"5 3\""));
  for (std::size_t i = 0; i < names.size(); ++i) {
    entry(names[i], stroke(other_colours[i % other_colours.size()], 1.4));
  }
}

}  // namespace

std::string draw(const std::vector<panel>& panels, const std::vector<std::string>& names) {
  canvas on;
  const std::string width = number(2 * panel_width);
  const std::string height = number(head + panel_height * static_cast<double>((panels.size() + 1) / 2));
  on.add("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + width + " " + height + "\" width=\"" +
         width + "\" height=\"" + height + "\">\n");
  on.add(
      "<style>text{font-family:sans-serif;fill:#222}.head{font-size:17px;font-weight:bold}"
      ".title{font-size:14px;font-weight:bold}.note{font-size:12px;fill:#444}.tick{font-size:10px;fill:#666}"
      ".name{paint-order:stroke;stroke:#fafafa;stroke-width:4px}"
      "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
  draw_legend(on, names);
  for (std::size_t i = 0; i < panels.size(); ++i) {
    draw_panel(on, panels[i], panel_width * static_cast<double>(i % 2),
               head + panel_height * static_cast<double>(i / 2));
  }
  on.add("</svg>\n");
  return on.all();
}

}  // namespace coworker::bench
