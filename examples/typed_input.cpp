// A handler whose input is a plain struct. Its members are filled by name, and a missing one keeps its
// default. Everything that does not fit is reported at once, as in `input.size.width: expected from 64 to
// 2048, found integer 7`.
//
// run: ./typed_input --test_input '{"input": {"prompt": "fog", "size": {"width": 768}, "how": "euler"}}'

#include <chrono>
#include <coworker.hpp>
#include <optional>
#include <string>

namespace cw = coworker;

namespace app {

enum class sampler { ddim, euler };

struct picture_size {
  int width = 512;
  int height = 512;
};

struct request {
  std::string prompt;                       // has no default: must be given
  picture_size size;                        // an object
  sampler how = sampler::ddim;              // "ddim" or "euler"
  std::optional<double> guidance;           // may be null
  std::chrono::milliseconds patience{500};  // in seconds
};

struct answer {
  std::string text;
  picture_size size;
};

// The rules for a struct's members, written beside the struct.
constexpr auto rules(cw::type<picture_size>) {
  return cw::rule_list(
      cw::member(&picture_size::width).range(64, 2048), cw::member(&picture_size::height).range(64, 2048),
      cw::check([](const picture_size& s) { return s.width * s.height <= 1 << 20; }, "2^20 pixels at most"));
}

constexpr auto rules(cw::type<request>) {
  return cw::rule_list(cw::member(&request::prompt).length(1, 1000));
}

cw::task<answer> paint(cw::job<request> job) {
  co_await cw::sleep_for(job.input.patience / 10);
  answer made;
  made.text = "painted: " + job.input.prompt;
  made.size = job.input.size;
  co_return made;
}

}  // namespace app

int main(int argc, char** argv) { return cw::start(argc, argv, app::paint); }
