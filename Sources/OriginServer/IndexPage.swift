internal import Bytes
internal import HTTPSyntax

/// A page of links to what a folder of the server holds.
struct IndexPage {
  private let path: String
  private let names: [FileName]

  /// - Parameter path: the folder as requested, with its slashes.
  init(path: String, names: [FileName]) {
    self.path = path
    self.names = names
  }

  var html: String {
    let title = "Files in \(Self.escaped(path))"
    let items = names.map { name in
      let address = PercentEncoding.encode(name.bytes)
      return "<li><a href=\"./\(address)\">\(Self.escaped(name.text))</a></li>\n"
    }
    return """
      <!doctype html>
      <html lang="en">
      <head><meta charset="utf-8"><title>\(title)</title></head>
      <body>
      <h1>\(title)</h1>
      <ul>
      \(items.joined())</ul>
      </body>
      </html>

      """
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
    return result
  }
}
