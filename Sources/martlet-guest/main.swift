import FoundationEssentials
import GuestAgent
import Synchronization

// Two of the modules above are named for the linker: a static link takes the imports of this file only.
GuestProgram.main(CommandLine.arguments)
