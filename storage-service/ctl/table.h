// Rows in aligned columns, for people.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace restante::ctl {

class Table {
 public:
  enum class Align { kLeft, kRight };

  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as there are columns; they are made safe for a terminal.
  void Add(std::vector<std::string> cells);

  // The headings and the rows; two spaces between columns, none at a line's end.
  void Print(std::ostream& out) const;

 private:
  void PrintRow(std::ostream& out, const std::vector<std::string>& cells,
                const std::vector<size_t>& widths) const;

  const std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace restante::ctl
