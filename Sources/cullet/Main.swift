internal import ArgumentParser
internal import Linux
internal import Node

/// The entry point: parses, runs, and turns every error into one line and an exit code.
@main
enum Main {
  static func main() {
    StandardDescriptors.reserve()
    Signals.ignoreBrokenPipes()
    do {
      var command = try Cullet.parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      Terminal.complain(failure.message)
      CurrentProcess.exit(failure.status.rawValue)
    } catch let outcome as ExitCode {
      CurrentProcess.exit(outcome.rawValue)
    } catch let error as SystemError where error.errno == .brokenPipe {
      // The reader of our output has had enough (`cullet ls … | head`), as with any filter.
      CurrentProcess.exit(0)
    } catch let error as SystemError {
      let failure = Failure(error)
      Terminal.complain(failure.message)
      CurrentProcess.exit(failure.status.rawValue)
    } catch {
      finish(parsing: error)
    }
  }

  /// Prints help and versions, and complains about anything that could not be parsed.
  private static func finish(parsing error: any Error) -> Never {
    if Cullet.exitCode(for: error).isSuccess {
      Terminal.print(Cullet.fullMessage(for: error))
      CurrentProcess.exit(0)
    }
    let message = Cullet.message(for: error).split(separator: "\n").joined(separator: " ")
    Terminal.complain("\(message); see 'cullet --help'")
    CurrentProcess.exit(ExitStatus.usage.rawValue)
  }
}

/// The root command; its verbs have a file each.
struct Cullet: ParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "cullet",
    abstract: "Mount and read remote EROFS images through a persistent cache.",
    discussion: """
      SOURCE is a local path, file:///path, or an http(s):// URL of one image object.

      EXAMPLE
        cullet mount https://host/image.erofs /mnt && ls /mnt && cullet unmount /mnt
      """,
    version: version,
    groupedSubcommands: [
      CommandGroup(
        name: "Images:",
        subcommands: [
          List.self, Cat.self, Stat.self, Manifest.self, Extract.self, Inspect.self, Check.self,
          Pack.self,
        ]),
      CommandGroup(
        name: "Mounts:",
        subcommands: [MountImage.self, MountServer.self, Unmount.self, Mounts.self]),
      CommandGroup(name: "The cache:", subcommands: [Cache.self, VerifyIndex.self]),
      CommandGroup(name: "Origins:", subcommands: [Serve.self]),
    ])
}
