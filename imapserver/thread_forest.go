package imapserver

// threadForest knows the parent of each node while threads are put together, and the root of its tree: a
// link-cut tree (Sleator and Tarjan 1983). A message that arrives may move a tree of any size below
// another, and whether that makes a loop is asked each time; walking up to the root would take the
// square of the length that somebody gives a thread. Nodes are numbers from 1.
type threadForest struct {
	parent []threadIndex
	child  []bool // it has had one

	// The paths from roots downwards are splay trees, in the order of depth. up is the parent in one, or
	// of its root the node above the path.
	up, left, right []threadIndex
}

// add adds a node without a parent.
func (f *threadForest) add() threadIndex {
	f.parent, f.child = append(f.parent, 0), append(f.child, false)
	f.up, f.left, f.right = append(f.up, 0), append(f.left, 0), append(f.right, 0)
	return threadIndex(len(f.parent) - 1)
}

// link makes one node the parent of another, which has none. It does nothing when that would make a loop.
func (f *threadForest) link(parent, child threadIndex) {
	// There is nothing to look for when nothing is below the child or above the parent, as mostly.
	if parent == child || f.child[child] && f.parent[parent] != 0 && f.root(parent) == child {
		return
	}
	f.expose(child)
	f.up[child] = parent
	f.parent[child], f.child[parent] = parent, true
}

// cut takes a node from its parent.
func (f *threadForest) cut(child threadIndex) {
	if f.parent[child] == 0 {
		return
	}
	f.expose(child)
	f.up[f.left[child]], f.left[child] = 0, 0
	f.parent[child] = 0
}

// root returns the root of a node's tree.
func (f *threadForest) root(i threadIndex) threadIndex {
	f.expose(i)
	for f.left[i] != 0 {
		i = f.left[i]
	}
	f.splay(i)
	return i
}

// expose makes the path from the root to a node one splay tree, with the node as its root.
func (f *threadForest) expose(i threadIndex) {
	below := threadIndex(0)
	for n := i; n != 0; n = f.up[n] {
		f.splay(n)
		f.right[n], below = below, n
	}
	f.splay(i)
}

// top reports whether a node is the root of its splay tree.
func (f *threadForest) top(i threadIndex) bool {
	up := f.up[i]
	return up == 0 || f.left[up] != i && f.right[up] != i
}

func (f *threadForest) splay(i threadIndex) {
	for !f.top(i) {
		up := f.up[i]
		if !f.top(up) {
			if (f.left[up] == i) == (f.left[f.up[up]] == up) {
				f.rotate(up)
			} else {
				f.rotate(i)
			}
		}
		f.rotate(i)
	}
	f.up[0] = 0 // is written when a child that is none is moved
}

// rotate moves a node above its parent in the splay tree.
func (f *threadForest) rotate(i threadIndex) {
	up := f.up[i]
	above := f.up[up]
	if !f.top(up) {
		if f.left[above] == up {
			f.left[above] = i
		} else {
			f.right[above] = i
		}
	}
	if f.left[up] == i {
		f.left[up] = f.right[i]
		f.up[f.left[up]] = up
		f.right[i] = up
	} else {
		f.right[up] = f.left[i]
		f.up[f.right[up]] = up
		f.left[i] = up
	}
	f.up[i], f.up[up] = above, i
}
