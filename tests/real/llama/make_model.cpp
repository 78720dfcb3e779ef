// Writes a small model with random weights, the same each time, as a GGUF file. It has llama's architecture
// and a vocabulary of 512 words and bytes. It generates random text at the speed of a model of its size.
//
// Usage: make_model FILE

#include <ggml.h>
#include <gguf.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

constexpr int width = 512, heads = 8, kv_heads = 2, inner = 1536, layers = 6, words = 512;
constexpr int first_byte = 3, first_word = first_byte + 256;

// Returns a pseudo-random number between -1 and 1.
float random_number() {
  static std::uint64_t state = 88172645463325252U;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<float>(static_cast<double>(state >> 11) * 0x1p-52 - 1.0);
}

std::string word(int token) {
  static const char* const syllables[] = {"ba", "de", "fi", "go", "lu", "mä", "ne", "pi",
                                          "ro", "su", "ta", "ve", "wi", "xo", "zu", "€"};
  if (token == 0) return "<unk>";
  if (token == 1) return "<s>";
  if (token == 2) return "</s>";
  if (token < first_word) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", token - first_byte);
    return text;
  }
  const int n = token - first_word;
  return "\xe2\x96\x81" + std::string(syllables[n / 16]) + syllables[n % 16];  // U+2581 represents a space
}

struct writer {
  gguf_context* file = gguf_init_empty();
  ggml_context* memory = ggml_init({200u << 20, nullptr, false});

  // Each row has `columns` numbers. `special(row, column, value)` may change one.
  template <class Special>
  void add(const std::string& name, int columns, int rows, Special special) {
    std::vector<float> values(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows));
    const float scale = std::sqrt(3.0f / static_cast<float>(columns));
    std::size_t at = 0;
    for (int row = 0; row != rows; ++row) {
      for (int column = 0; column != columns; ++column, ++at)
        values[at] = special(row, column, random_number() * scale);
    }
    const ggml_type type = rows == 1 ? GGML_TYPE_F32 : GGML_TYPE_Q8_0;
    ggml_tensor* const tensor = rows == 1 ? ggml_new_tensor_1d(memory, type, columns)
                                          : ggml_new_tensor_2d(memory, type, columns, rows);
    ggml_set_name(tensor, name.c_str());
    ggml_quantize_chunk(type, values.data(), tensor->data, 0, rows, columns, nullptr);
    gguf_add_tensor(file, tensor);
  }
};

float as_it_is(int, int, float value) { return value; }
float one(int, int, float) { return 1; }

// The first number of a token's state passes unchanged through all layers, so that the output layer can use
// it to favour some tokens.
float keep_first(int row, int, float value) { return row == 0 ? 0 : value; }
float begin_first(int, int column, float value) { return column == 0 ? 1 : value; }

// Favours words; sometimes a byte of a multi-byte character, which may or may not continue the previous one;
// rarely the end.
float favour(int row, int column, float value) {
  if (column != 0) return 2 * value;
  if (row == 2) return 2;
  if (row >= first_word) return 0;
  return row == first_byte + 0xc3 || row == first_byte + 0xa4 ? 5.0f : -100.0f;
}

void add_settings(gguf_context* file) {
  gguf_set_val_str(file, "general.architecture", "llama");
  gguf_set_val_str(file, "general.name", "random weights");
  gguf_set_val_u32(file, "llama.context_length", 4096);
  gguf_set_val_u32(file, "llama.embedding_length", width);
  gguf_set_val_u32(file, "llama.block_count", layers);
  gguf_set_val_u32(file, "llama.feed_forward_length", inner);
  gguf_set_val_u32(file, "llama.attention.head_count", heads);
  gguf_set_val_u32(file, "llama.attention.head_count_kv", kv_heads);
  gguf_set_val_f32(file, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
  gguf_set_val_u32(file, "llama.rope.dimension_count", width / heads);
  gguf_set_val_u32(file, "llama.vocab_size", words);
}

void add_vocabulary(gguf_context* file) {
  std::vector<std::string> texts;
  std::vector<const char*> pointers;
  std::vector<float> scores;
  std::vector<std::int32_t> types;
  for (int token = 0; token != words; ++token) {
    texts.push_back(word(token));
    scores.push_back(token < first_word ? 0.0f : -1.0f);
    types.push_back(token == 0           ? 2
                    : token < first_byte ? 3
                    : token < first_word ? 6
                                         : 1);  // unknown, control, byte, normal
  }
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  gguf_set_val_str(file, "tokenizer.ggml.model", "llama");
  gguf_set_arr_str(file, "tokenizer.ggml.tokens", pointers.data(), pointers.size());
  gguf_set_arr_data(file, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, scores.data(), scores.size());
  gguf_set_arr_data(file, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types.data(), types.size());
  gguf_set_val_u32(file, "tokenizer.ggml.bos_token_id", 1);
  gguf_set_val_u32(file, "tokenizer.ggml.eos_token_id", 2);
  gguf_set_val_u32(file, "tokenizer.ggml.unknown_token_id", 0);
  gguf_set_val_str(file, "tokenizer.chat_template", "<|im_start|>");  // by this text, llama.cpp recognises chatml
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "Usage: make_model FILE\n"), 2;
  writer model;
  add_settings(model.file);
  add_vocabulary(model.file);
  model.add("token_embd.weight", width, words, begin_first);
  for (int layer = 0; layer != layers; ++layer) {
    const std::string in = "blk." + std::to_string(layer) + ".";
    model.add(in + "attn_norm.weight", width, 1, one);
    model.add(in + "attn_q.weight", width, width, as_it_is);
    model.add(in + "attn_k.weight", width, width / heads * kv_heads, as_it_is);
    model.add(in + "attn_v.weight", width, width / heads * kv_heads, as_it_is);
    model.add(in + "attn_output.weight", width, width, keep_first);
    model.add(in + "ffn_norm.weight", width, 1, one);
    model.add(in + "ffn_gate.weight", width, inner, as_it_is);
    model.add(in + "ffn_up.weight", width, inner, as_it_is);
    model.add(in + "ffn_down.weight", inner, width, keep_first);
  }
  model.add("output_norm.weight", width, 1, one);
  model.add("output.weight", width, words, favour);
  return gguf_write_to_file(model.file, argv[1], false) ? 0 : 1;
}
