// The baseline for a worker over HTTP: a bare curl_multi loop that takes a job, posts its result and takes
// the next, with --concurrency jobs at once. It does nothing else that a worker must do.
//
//   g++ -std=c++20 -O2 -DNDEBUG tests/bench/queue_bare_loop.cpp -o queue_bare_loop -lcurl
//   queue_bare_loop --concurrency 10 --jobs 10000
//
// It reads the RUNPOD_* variables as a worker does; tests/support/queue_server_main.cpp is a test queue that
// prints them. Ends after --jobs results and prints a line of figures. Peak memory is VmHWM, because
// getrusage reports the parent's peak if that is larger. queue_bench.py compares it with a worker.

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string& problem) {
  std::fprintf(stderr, "queue_bare_loop: %s\n", problem.c_str());
  std::exit(EXIT_FAILURE);
}

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr)
    fail(std::string(name) + " is not set; queue_server --print-env prints what is needed");
  return value;
}

std::string replaced(std::string text, std::string_view name, std::string_view value) {
  const std::size_t at = text.find(name);
  return at == std::string::npos ? text : text.replace(at, name.size(), value);
}

std::string with_parameter(std::string url, std::string_view parameter) {
  url += url.find('?') == std::string::npos ? '?' : '&';
  return url += parameter;
}

struct settings {
  std::size_t concurrency = 1;
  std::size_t jobs = 1000;
  std::string worker = variable("RUNPOD_POD_ID");
  std::string authorization = "Authorization: " + variable("RUNPOD_AI_API_KEY");
  std::string take_url =
      with_parameter(replaced(variable("RUNPOD_WEBHOOK_GET_JOB"), "$ID", worker), "job_in_progress=0");
  std::string done_url = with_parameter(
      replaced(variable("RUNPOD_WEBHOOK_POST_OUTPUT"), "$RUNPOD_POD_ID", worker), "isStream=false");
};

using header_list = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

header_list headers_of(std::initializer_list<std::string> lines) {
  header_list made(nullptr, curl_slist_free_all);
  for (const std::string& line : lines) made.reset(curl_slist_append(made.release(), line.c_str()));
  return made;
}

/// Runs one job after the other, over one handle.
class lane {
 public:
  lane(CURLM* multi, const settings& wanted)
      : multi_(multi), settings_(wanted), take_headers_(headers_of({wanted.authorization})) {
    curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    // As long as a worker's user agent, because libcurl's time depends on the length of what it sends.
    curl_easy_setopt(easy_, CURLOPT_USERAGENT,
                     "queue_bare_loop/0.1.0 (Linux 6.1.0-amd; x86_64) Language/C++ 20");
    curl_easy_setopt(easy_, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, &received_);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, append);
  }
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;
  ~lane() { curl_easy_cleanup(easy_); }

  void take() {
    posting_ = false;
    curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy_, CURLOPT_URL, settings_.take_url.c_str());
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, take_headers_.get());
    begin();
  }

  void post() {
    posting_ = true;
    static constexpr std::string_view id_key = R"("id":")";
    const std::size_t id_begins = received_.find(id_key) + id_key.size();
    const std::string id = received_.substr(id_begins, received_.find('"', id_begins) - id_begins);
    post_headers_ = headers_of({settings_.authorization, "Content-Type: application/x-www-form-urlencoded",
                                "charset: utf-8", "X-Request-ID: " + id});
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, R"({"output":"done"})");
    curl_easy_setopt(easy_, CURLOPT_URL, replaced(settings_.done_url, "$ID", id).c_str());
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, post_headers_.get());
    begin();
  }

  bool posting() const { return posting_; }

  long status() const {
    long code = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

 private:
  static std::size_t append(char* data, std::size_t, std::size_t size, void* to) {
    static_cast<std::string*>(to)->append(data, size);
    return size;
  }

  void begin() {
    received_.clear();
    curl_multi_add_handle(multi_, easy_);
  }

  CURLM* const multi_;
  const settings& settings_;
  CURL* const easy_ = curl_easy_init();
  header_list take_headers_;
  header_list post_headers_{nullptr, curl_slist_free_all};
  std::string received_;
  bool posting_ = false;
};

/// Runs all lanes until the wanted number of results is accepted.
class bare_loop {
 public:
  explicit bare_loop(const settings& wanted) : left_to_take_(wanted.jobs), left_to_post_(wanted.jobs) {
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(wanted.concurrency));
    for (std::size_t i = 0; i < wanted.concurrency; ++i)
      lanes_.push_back(std::make_unique<lane>(multi_, wanted));
  }
  bare_loop(const bare_loop&) = delete;
  bare_loop& operator=(const bare_loop&) = delete;
  ~bare_loop() {
    lanes_.clear();
    curl_multi_cleanup(multi_);
  }

  void run() {
    for (const auto& one : lanes_) take_next(*one);
    while (left_to_post_ != 0) {
      int running = 0;
      curl_multi_perform(multi_, &running);
      bool any_ended = false;
      int waiting = 0;
      while (const CURLMsg* const message = curl_multi_info_read(multi_, &waiting)) {
        go_on(message->easy_handle, message->data.result);
        any_ended = true;
      }
      if (!any_ended) curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
    }
  }

 private:
  void take_next(lane& free) {
    if (left_to_take_ == 0) return;
    --left_to_take_;
    free.take();
  }

  void go_on(CURL* easy, CURLcode result) {
    if (result != CURLE_OK) fail(curl_easy_strerror(result));
    curl_multi_remove_handle(multi_, easy);
    char* owner = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner);
    lane& ended = *reinterpret_cast<lane*>(owner);
    const long status = ended.status();
    if (!ended.posting() && status == 204) {
      ended.take();
    } else if (status != 200) {
      fail("the queue responded with status " + std::to_string(status) +
           "; this loop needs a queue that does not fail");
    } else if (ended.posting()) {
      --left_to_post_;
      take_next(ended);
    } else {
      ended.post();
    }
  }

  CURLM* const multi_ = curl_multi_init();
  std::vector<std::unique_ptr<lane>> lanes_;
  std::size_t left_to_take_;
  std::size_t left_to_post_;
};

long peak_memory_kib() {
  long kib = 0;
  if (std::FILE* const status = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, status) != nullptr) {
      if (std::strncmp(line, "VmHWM:", 6) == 0) kib = std::atol(line + 6);
    }
    std::fclose(status);
  }
  return kib;
}

}  // namespace

int main(int argc, char** argv) {
  settings wanted;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--concurrency") wanted.concurrency = std::strtoul(argv[i + 1], nullptr, 10);
    if (flag == "--jobs") wanted.jobs = std::strtoul(argv[i + 1], nullptr, 10);
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const auto start = std::chrono::steady_clock::now();
  bare_loop(wanted).run();
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("jobs=%zu elapsed_s=%.6f jobs_per_s=%.0f peak_kib=%ld\n", wanted.jobs, elapsed,
              static_cast<double>(wanted.jobs) / elapsed, peak_memory_kib());
}
