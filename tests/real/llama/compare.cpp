// Compares the worker of examples/llama with a bare loop of llama.cpp on the same model, in one process.
//
// Usage: compare ROUNDS    LLAMA_ARG_MODEL and LLAMA_ARG_THREADS as for the worker
//
// Texts: 1, 4 and 8 jobs at once must get the texts that the bare loop makes from the same prompts and seeds.
// Speed: the bare loop and the worker run in turn, with the same weights, threads and tokens. Jobs come from
// a memory_queue and stream, so the time includes everything between take() and the last chunk. Prints one
// line per check, "ok: ..." or "FAILED: ...".

#define main worker_main
#include "../../../examples/llama/worker.cpp"
#undef main

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

namespace {

int failures = 0;

void check(bool holds, const std::string& what) {
  std::printf("%s: %s\n", holds ? "ok" : "FAILED", what.c_str());
  std::fflush(stdout);
  failures += holds ? 0 : 1;
}

struct run_result {
  std::vector<std::string> texts;
  std::size_t tokens = 0;
  double seconds = 0;
  double processor_seconds = 0;  // of the whole process

  double speed() const { return static_cast<double>(tokens) / seconds; }
};

class stopwatch {
 public:
  void read(run_result& into) const {
    into.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    into.processor_seconds = static_cast<double>(std::clock() - processor_start_) / CLOCKS_PER_SEC;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::clock_t processor_start_ = std::clock();
};

constexpr int long_prompt = 1000;

// Except for long_prompt, at most 40 tokens: for those, llama.cpp computes exactly the same however many
// sequences it decodes at once. For longer prompts it does not.
std::string prompt_number(int i) {
  static const char* const words[] = {"bade", "figo", "lumä", "nepi", "rosu"};
  std::string text;
  for (int k = 0; k != (i == long_prompt ? 250 : 2 + i % 6); ++k) text += words[(i + k) % 5];
  return text;
}

// The bare loop: a program that has all its prompts from the start, as in llama.cpp's examples, without a
// queue and other threads.
struct bare_sequence {
  std::vector<llama_token> pending;
  llama_sampler_ptr sampler;
  llama_pos decoded = 0;
  int output = 0;
  int left = 0;
  std::string text{};
};

run_result run_bare(const model& with, int first, int count, int most) {
  run_result made;
  llama_context* const context = with.context.get();
  std::vector<bare_sequence> all;
  llama_memory_clear(llama_get_memory(context), true);
  llama_batch batch = llama_batch_init(tokens_a_step, 0, 1);
  const auto add = [&batch](llama_token token, llama_pos at, int sequence) {
    const int i = batch.n_tokens++;
    batch.token[i] = token;
    batch.pos[i] = at;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = sequence;
    batch.logits[i] = false;
  };
  const stopwatch watch;
  for (int i = 0; i != count; ++i) {
    bare_sequence& one = all.emplace_back();
    const std::string prompt = prompt_number(first + i);
    const auto tokenize = [&](int room) {
      const int size = static_cast<int>(prompt.size());
      return llama_tokenize(with.vocab, prompt.data(), size, one.pending.data(), room, true, true);
    };
    const int length = -tokenize(0);
    one.pending.resize(static_cast<std::size_t>(length));
    tokenize(length);
    one.sampler.reset(llama_sampler_chain_init(llama_sampler_chain_default_params()));
    llama_sampler_chain_add(one.sampler.get(), llama_sampler_init_temp(0.8f));
    llama_sampler_chain_add(one.sampler.get(),
                            llama_sampler_init_dist(static_cast<std::uint32_t>(100 + first + i)));
    one.left = most;
  }
  for (;;) {
    batch.n_tokens = 0;
    int room = tokens_a_step - count;
    for (int i = 0; i != count; ++i) {
      bare_sequence& one = all[static_cast<std::size_t>(i)];
      if (one.left == 0) continue;
      const int part = std::min(static_cast<int>(one.pending.size()), 1 + room);
      room -= part - 1;
      for (int k = 0; k != part; ++k) add(one.pending[static_cast<std::size_t>(k)], one.decoded++, i);
      one.pending.erase(one.pending.begin(), one.pending.begin() + part);
      one.output = batch.n_tokens - 1;
      batch.logits[one.output] = one.pending.empty();
    }
    if (batch.n_tokens == 0) break;
    if (llama_decode(context, batch) != 0) throw std::runtime_error("llama_decode");
    for (bare_sequence& one : all) {
      if (one.left == 0 || !one.pending.empty()) continue;
      const llama_token token = llama_sampler_sample(one.sampler.get(), context, one.output);
      if (llama_vocab_is_eog(with.vocab, token)) {
        one.left = 0;
        continue;
      }
      char bytes[96];
      const int size = llama_token_to_piece(with.vocab, token, bytes, sizeof bytes, 0, false);
      one.text.append(bytes, static_cast<std::size_t>(size));
      one.pending.push_back(token);
      ++made.tokens;
      --one.left;
    }
  }
  watch.read(made);
  llama_batch_free(batch);
  for (bare_sequence& one : all) {
    cw::token_text characters;
    const std::string text = characters.next(std::move(one.text));
    made.texts.push_back(text + characters.end());
  }
  return made;
}

run_result run_worker(cw::memory_queue& queue, int first, int count, int most, bool stream) {
  run_result made;
  std::vector<cw::memory_job> jobs;
  const stopwatch watch;
  for (int i = 0; i != count; ++i) {
    cw::json input = cw::json::object();
    input["prompt"] = prompt_number(first + i);
    input["seed"] = 100 + first + i;
    input["max_tokens"] = most;
    input["stream"] = stream;
    jobs.push_back(queue.push(std::move(input)));
  }
  std::vector<cw::outcome> outcomes;
  for (const cw::memory_job& job : jobs) outcomes.push_back(job.blocking_result());
  watch.read(made);
  for (std::size_t i = 0; i != jobs.size(); ++i) {
    if (!outcomes[i].succeeded())
      throw std::runtime_error("a job failed: " + std::string(outcomes[i].message()));
    cw::json end = outcomes[i].output;
    std::string text;
    if (stream) {
      for (auto chunk = jobs[i].blocking_next_chunk(); chunk; chunk = jobs[i].blocking_next_chunk()) {
        if (chunk->is_string()) text += chunk->get<std::string>();
        end = *std::move(chunk);
      }
    } else {
      text = end.at("text").get<std::string>();
    }
    made.texts.push_back(std::move(text));
    made.tokens += end.at("usage").at("completion_tokens").get<std::size_t>();
  }
  return made;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare_texts(const model& with, cw::memory_queue& queue) {
  for (const int count : {1, 4, 8}) {
    const run_result bare = run_bare(with, 0, count, 60);
    for (const bool stream : {false, true}) {
      const run_result ours = run_worker(queue, 0, count, 60, stream);
      check(ours.texts == bare.texts && ours.tokens == bare.tokens && bare.tokens >= 30,
            "the same tokens as the bare loop, " + std::to_string(count) + " at once, " +
                (stream ? "streamed: " : "whole: ") + std::to_string(ours.tokens) + " of " +
                std::to_string(bare.tokens));
    }
  }
  // More jobs than slots: one job follows another in a slot.
  std::vector<std::string> expected;
  for (int i = 0; i != 20; ++i) expected.push_back(run_bare(with, i, 1, 40).texts.front());
  check(run_worker(queue, 0, 20, 40, false).texts == expected, "20 jobs in 8 slots");
  check(run_worker(queue, long_prompt, 1, 20, false).texts == run_bare(with, long_prompt, 1, 20).texts,
        "a prompt that takes several steps");
}

// The order of the two alternates, because the machine may have other work for a while. For the same reason,
// the check compares CPU time, including the jobs' side, in the best round of each. If the worker's loop has
// a core of its own, the ratio of the speeds is at least as high.
void compare_speed(const model& with, cw::memory_queue& queue, int rounds) {
  for (const int count : {1, 8}) {
    std::vector<double> ratios, bare_speeds, speeds, bare_processor, processor;
    for (int i = 0; i != rounds; ++i) {
      run_result bare, ours;
      for (const bool is_bare : {i % 2 == 0, i % 2 == 1}) {
        if (is_bare) {
          bare = run_bare(with, 0, count, 64);
        } else {
          ours = run_worker(queue, 0, count, 64, true);
        }
      }
      bare_speeds.push_back(bare.speed());
      speeds.push_back(ours.speed());
      ratios.push_back(ours.speed() / bare.speed());
      bare_processor.push_back(bare.processor_seconds);
      processor.push_back(ours.processor_seconds);
    }
    const double least = count == 1 ? 0.9 : 0.97;
    const double ratio = *std::min_element(bare_processor.begin(), bare_processor.end()) /
                         *std::min_element(processor.begin(), processor.end());
    std::printf("%d at once, medians of %d: %.0f tokens/s, the bare loop %.0f; ratio in a pair %.3f\n", count,
                rounds, median(speeds), median(bare_speeds), median(ratios));
    char text[200];
    std::snprintf(text, sizeof text,
                  "%d at once, processor time of the bare loop / ours: %.3f, at least %.2f", count, ratio,
                  least);
    check(ratio >= least, text);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  const model with = load();  // for the bare loop
  cw::memory_queue queue;
  cw::worker runner(cw::prepared(load, handle), cw::fixed_concurrency{at_once});
  std::thread serving([&] { runner.run(queue); });
  compare_texts(with, queue);
  compare_speed(with, queue, rounds);
  queue.close();
  serving.join();
  return failures == 0 ? 0 : 1;
}
