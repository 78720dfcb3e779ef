// llama.cpp decodes all jobs' texts together: {"prompt": "The sea", "stream": true}, or OpenAI's requests.
//
//     LLAMA_ARG_MODEL=model.gguf LLAMA_ARG_THREADS=3 ./llama_worker --rp_serve_api

#include <llama-cpp.h>
#include <algorithm>
#include <coworker.hpp>
#include <ctime>
#include <span>
#include <string>
#include <vector>

namespace cw = coworker;
constexpr int at_once = 8, tokens_each = 2048, tokens_a_step = 512;

struct sequence {
  std::vector<llama_token> pending;  // still to decode: the prompt, later the token that was sampled last
  int left;                          // tokens still to sample
  llama_sampler_ptr sampler;
  llama_pos decoded = 0;
  int output = 0;  // where in the batch its logits are
};
using decoder = cw::step_engine<sequence, std::string>;

struct model {
  llama_model_ptr weights;
  llama_context_ptr context;
  const llama_vocab* vocab = llama_model_get_vocab(weights.get());
  llama_batch batch = llama_batch_init(tokens_a_step, 0, 1);
  decoder sequences{[this](std::span<decoder::active* const> all) { step(all); }, {.at_once = at_once}};
  ~model() { llama_batch_free(batch); }

  // Runs on the engine's thread. Decodes a long prompt in parts, so the other jobs get a token per step.
  void step(std::span<decoder::active* const> all) {
    batch.n_tokens = 0;
    int room = tokens_a_step - static_cast<int>(all.size());
    for (decoder::active* const one : all) {
      sequence& own = **one;
      const auto slot = static_cast<llama_seq_id>(one->slot());
      if (one->steps() == 0) llama_memory_seq_rm(llama_get_memory(context.get()), slot, -1, -1);
      const auto part = own.pending.begin() + std::min<std::ptrdiff_t>(std::ssize(own.pending), 1 + room);
      room -= static_cast<int>(part - own.pending.begin()) - 1;
      for (auto token = own.pending.begin(); token != part; ++token) add(*token, own.decoded++, slot);
      own.pending.erase(own.pending.begin(), part);
      own.output = batch.n_tokens - 1;
      batch.logits[own.output] = own.pending.empty();
    }
    if (llama_decode(context.get(), batch) != 0)
      throw cw::job_error("llama_decode", {.recycle_worker = true});
    for (decoder::active* const one : all)
      if ((*one)->pending.empty()) sample(*one);
  }

  void add(llama_token token, llama_pos at, llama_seq_id slot) {
    const int i = batch.n_tokens++;
    batch.token[i] = token;
    batch.pos[i] = at;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = slot;
    batch.logits[i] = false;
  }
  void sample(decoder::active& one) {
    const llama_token token = llama_sampler_sample(one->sampler.get(), context.get(), one->output);
    if (llama_vocab_is_eog(vocab, token)) return one.finish();
    char bytes[256];
    one.send({bytes, bytes + std::max(0, llama_token_to_piece(vocab, token, bytes, sizeof bytes, 0, false))});
    one->pending.push_back(token);
    if (--one->left == 0) one.finish();
  }
};

model load() {
  const std::string path = cw::environment("LLAMA_ARG_MODEL").value_or("model.gguf");
  llama_model_ptr weights(llama_model_load_from_file(path.c_str(), llama_model_default_params()));
  if (!weights) throw std::runtime_error(path + " cannot be loaded; set LLAMA_ARG_MODEL");
  llama_context_params wanted = llama_context_default_params();
  wanted.n_ctx = at_once * tokens_each;
  wanted.n_seq_max = at_once;
  wanted.n_batch = tokens_a_step;
  wanted.n_threads = wanted.n_threads_batch = std::stoi(cw::environment("LLAMA_ARG_THREADS").value_or("4"));
  llama_context_ptr context(llama_init_from_model(weights.get(), wanted));
  if (!context) throw std::runtime_error("there is no memory for the context of " + path);
  return {std::move(weights), std::move(context)};
}

std::string prompt_of(const model& with, const cw::text_request& asked) {
  if (asked.messages.empty()) return asked.prompt;
  std::vector<llama_chat_message> all;
  for (const cw::openai_message& one : asked.messages) all.push_back({one.role.c_str(), one.content.c_str()});
  const char* const form = llama_model_chat_template(with.weights.get(), nullptr);
  const int size = llama_chat_apply_template(form, all.data(), all.size(), true, nullptr, 0);
  if (size < 0) throw std::runtime_error("llama.cpp does not know this model's chat template");
  std::string text(static_cast<std::size_t>(size), ' ');
  llama_chat_apply_template(form, all.data(), all.size(), true, text.data(), size);
  return text;
}

cw::generated_text begin(model& with, const cw::text_request& asked) {
  const std::string prompt = prompt_of(with, asked);
  const int size = static_cast<int>(prompt.size()), limit = asked.token_limit(256);
  const int count = -llama_tokenize(with.vocab, prompt.data(), size, nullptr, 0, true, true);
  if (count <= 0 || count + limit > tokens_each) throw cw::input_error({"the prompt is empty or too long"});
  std::vector<llama_token> tokens(static_cast<std::size_t>(count));
  llama_tokenize(with.vocab, prompt.data(), size, tokens.data(), count, true, true);
  const auto seed = static_cast<std::uint32_t>(asked.seed.value_or(LLAMA_DEFAULT_SEED));
  llama_sampler_ptr sampler(llama_sampler_chain_init(llama_sampler_chain_default_params()));
  llama_sampler_chain_add(sampler.get(), llama_sampler_init_temp(asked.temperature.value_or(0.8f)));
  llama_sampler_chain_add(sampler.get(), llama_sampler_init_dist(seed));
  auto pieces = with.sequences.run({std::move(tokens), limit, std::move(sampler)});
  return {std::move(pieces), count, limit, std::time(nullptr)};
}

cw::async_generator<cw::chunk_or_whole<>> handle(model& with, cw::job<cw::text_request> job) {
  return cw::generate_text(std::move(job), "llama", [&with](auto& asked) { return begin(with, asked); });
}

int main(int argc, char** argv) {
  const cw::options all_chunks{.stream = {.return_aggregate_stream = true}};  // OpenAI's gateway requires it
  return cw::start(argc, argv, cw::prepared(load, handle), cw::fixed_concurrency{at_once}, all_chunks);
}
