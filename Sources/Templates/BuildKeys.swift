import Linux
import Machines
import Wire

/// The digests that name what a build makes: equal ones mean that nothing changed.
package struct BuildKeys: Sendable, Hashable {
    package let layers: [Layer: String]
    package let machine: String

    package subscript(layer: Layer) -> String { layers[layer] ?? "" }

    /// - Parameter epoch: see ``LayerStore/epoch``.
    package init(_ order: BuildOrder, epoch: String, identity: MachineIdentity) async throws {
        let recipe = order.recipe
        var keys: [Layer: String] = [:]
        keys[.kernel] = Tools.digest([epoch, recipe.release, recipe.kernelPackage] + recipe.modules)
        keys[.base] = Tools.digest([epoch, recipe.baseScript])
        if let claude = recipe.claude {
            let program: String
            if let own = order.claudeProgram {
                program = try await Tools.digest(ofFile: own)
            } else {
                program = claude.digest ?? claude.wheelDigest
            }
            keys[.claude] = Tools.digest([epoch, program])
            keys[.packages] = Tools.digest([epoch, recipe.pythonVersion, claude.pythonRequirements])
        }
        let files = recipe.files.flatMap { [$0.path, $0.text] + ($0.isProgram ? ["program"] : []) }
        keys[.disk] = Tools.digest(
            [keys[.base] ?? "", keys[.claude] ?? "", keys[.packages] ?? "", recipe.diskScript, "\(recipe.diskMiB)"]
                + files
        )
        keys[.initialRAMDisk] = Tools.digest([
            keys[.kernel] ?? "", recipe.initialRAMDiskScript, try await Tools.digest(ofFile: order.guestProgram),
        ])
        layers = keys
        machine = Tools.digest([
            keys[.disk] ?? "", keys[.initialRAMDisk] ?? "", recipe.kernelParameters, recipe.translatedKernelParameters,
            WarmUp.recipe(of: recipe),
            "\(GuestProtocol.generation)", "\(recipe.processors)", "\(recipe.memoryMiB)", recipe.user,
            recipe.directory, identity.engine, identity.build, identity.accelerator.rawValue,
            identity.processorModel,
        ])
    }
}
