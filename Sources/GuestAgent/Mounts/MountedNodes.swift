import Synchronization
import Wire

/// The files of a mounted volume that the kernel knows, by the numbers that it calls them.
///
/// The host is asked by path, so each node knows its name and its directory. A node whose name has gone, or belongs to another
/// file by now, is used by what the guest has open of it, as long as the host has it open, too.
final class MountedNodes: Sendable {
    private struct Name: Hashable {
        let parent: UInt64
        let name: [UInt8]
    }

    private struct Node {
        var name: Name?
        var inode: UInt64
        /// How often the kernel was told of it and has not forgotten it.
        var lookups: UInt64 = 0
        /// The nodes whose names are in this directory.
        var children = 0
        var handles: [UInt64] = []
    }

    private struct State {
        var nodes: [UInt64: Node] = [FUSE.root: Node(name: nil, inode: 0, lookups: 1)]
        var byName: [Name: UInt64] = [:]
        var next = FUSE.root + 1
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.nodes.count } }

    // MARK: Naming

    /// Nil when it has no name any more.
    func path(of id: UInt64) -> VolumeFilePath? {
        state.withLock { Self.path(of: id, $0) }
    }

    func path(of name: [UInt8], in parent: UInt64) -> VolumeFilePath? {
        state.withLock { state in
            guard let above = Self.path(of: parent, state) else { return nil }
            return VolumeFilePath(above.bytes.isEmpty ? name : above.bytes + [0x2F] + name)
        }
    }

    /// How the host is asked for a file; nil when nothing is left by which it could be found.
    func file(_ id: UInt64, handle: UInt64 = 0) -> VolumeFile? {
        state.withLock { state in
            guard let node = state.nodes[id] else { return nil }
            let handle = handle != 0 ? handle : node.handles.first ?? 0
            guard let path = Self.path(of: id, state) else {
                return handle == 0 ? nil : VolumeFile(.root, handle: handle, inode: node.inode)
            }
            return VolumeFile(path, handle: handle, inode: node.inode)
        }
    }

    private static func path(of id: UInt64, _ state: State) -> VolumeFilePath? {
        var names: [[UInt8]] = []
        var id = id
        while id != FUSE.root {
            guard let name = state.nodes[id]?.name, names.count < 4096 else { return nil }
            names.append(name.name)
            id = name.parent
        }
        return VolumeFilePath(Array(names.reversed().joined(separator: [0x2F])))
    }

    // MARK: Life

    /// The node of what was found at a name, which the kernel is told now.
    func found(_ name: [UInt8], in parent: UInt64, inode: UInt64) -> UInt64 {
        state.withLock { state in
            let name = Name(parent: parent, name: name)
            if let id = state.byName[name] {
                if state.nodes[id]?.inode == inode {
                    state.nodes[id]?.lookups += 1
                    return id
                }
                // Somebody has put another file there.
                Self.unname(id, &state)
            }
            let id = state.next
            state.next += 1
            state.nodes[id] = Node(name: nil, inode: inode, lookups: 1)
            Self.name(id, name, &state)
            return id
        }
    }

    func forget(_ id: UInt64, _ count: UInt64) {
        state.withLock { state in
            guard id != FUSE.root, let known = state.nodes[id]?.lookups else { return }
            state.nodes[id]?.lookups = known - min(known, count)
            Self.removeIfUnused(id, &state)
        }
    }

    func removed(_ name: [UInt8], in parent: UInt64) {
        state.withLock { state in
            if let id = state.byName[Name(parent: parent, name: name)] { Self.unname(id, &state) }
        }
    }

    func renamed(_ name: [UInt8], in parent: UInt64, to new: [UInt8], in newParent: UInt64, isExchange: Bool) {
        state.withLock { state in
            let (from, to) = (Name(parent: parent, name: name), Name(parent: newParent, name: new))
            let (moved, replaced) = (state.byName[from], state.byName[to])
            guard from != to, moved != replaced || moved == nil else { return }
            // The names first, so that neither directory is forgotten in between.
            if let replaced { state.nodes[replaced]?.lookups += 1 }
            if let moved { state.nodes[moved]?.lookups += 1 }
            if let replaced { Self.unname(replaced, &state) }
            if let moved {
                Self.unname(moved, &state)
                Self.name(moved, to, &state)
            }
            if isExchange, let replaced { Self.name(replaced, from, &state) }
            for id in [moved, replaced] {
                guard let id else { continue }
                state.nodes[id]?.lookups -= 1
                Self.removeIfUnused(id, &state)
            }
        }
    }

    func opened(_ id: UInt64, _ handle: UInt64) {
        state.withLock { $0.nodes[id]?.handles.append(handle) }
    }

    func closed(_ id: UInt64, _ handle: UInt64) {
        state.withLock { $0.nodes[id]?.handles.removeAll { $0 == handle } }
    }

    private static func name(_ id: UInt64, _ name: Name, _ state: inout State) {
        state.nodes[id]?.name = name
        state.byName[name] = id
        state.nodes[name.parent]?.children += 1
    }

    private static func unname(_ id: UInt64, _ state: inout State) {
        guard let name = state.nodes[id]?.name else { return }
        state.nodes[id]?.name = nil
        state.byName[name] = nil
        state.nodes[name.parent]?.children -= 1
        removeIfUnused(name.parent, &state)
        removeIfUnused(id, &state)
    }

    /// A directory stays as long as something in it is known, whose path needs it.
    private static func removeIfUnused(_ id: UInt64, _ state: inout State) {
        guard id != FUSE.root, let node = state.nodes[id], node.lookups == 0, node.children == 0 else { return }
        state.nodes[id] = nil
        guard let name = node.name else { return }
        state.byName[name] = nil
        state.nodes[name.parent]?.children -= 1
        removeIfUnused(name.parent, &state)
    }
}
