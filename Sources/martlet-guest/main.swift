import FoundationEssentials
import Glibc
import GuestAgent
import Synchronization

// Two of the modules above are named for the linker: a static link takes the imports of this file only.
GuestProgram.prepare()
exit(await GuestProgram.main(CommandLine.arguments))
