#include "storage-service/ctl/table.h"

#include <uniwidth.h>

#include <algorithm>
#include <utility>

#include "storage-service/ctl/format.h"

namespace restante::ctl {
namespace {

// Columns on a terminal: two for an East Asian character, none for a combining one.
size_t Width(const std::string& text) {
  const int width =
      u8_width(reinterpret_cast<const uint8_t*>(text.data()), text.size(), "UTF-8");
  return width > 0 ? static_cast<size_t>(width) : 0;
}

}  // namespace

void Table::Add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = Printable(cell);
  rows_.push_back(std::move(cells));
}

void Table::Print(std::ostream& out) const {
  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.push_back(column.heading);
  std::vector<size_t> widths(columns_.size(), 0);
  const auto widen = [&widths](const std::vector<std::string>& cells) {
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], Width(cells[i]));
  };
  widen(headings);
  for (const std::vector<std::string>& row : rows_) widen(row);
  PrintRow(out, headings, widths);
  for (const std::vector<std::string>& row : rows_) PrintRow(out, row, widths);
}

void Table::PrintRow(std::ostream& out, const std::vector<std::string>& cells,
                     const std::vector<size_t>& widths) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += "  ";
    const std::string padding(widths[i] - Width(cells[i]), ' ');
    line += columns_[i].align == Align::kRight ? padding + cells[i] : cells[i] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out << line << '\n';
}

}  // namespace restante::ctl
