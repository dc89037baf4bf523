package forecast

// The policies.
const (
	Default    = "default"     // the code that serves
	None       = "none"        // the code that serves, at nodes that do not know of each other
	Peering3   = "peering3"    // as the ZeroMQ guide wrote it
	QueueGroup = "queue-group" // each task to a random worker anywhere, which has a queue of its own
	Oracle     = "oracle"      // perfect news: all nodes known exactly and at once
	Global     = "global"      // one queue and no distance: the lower bound
)

// Policies returns the names of all policies.
func Policies() []string { return []string{Default, None, Peering3, QueueGroup, Oracle, Global} }

func newPolicy(w *world) policy {
	switch w.cfg.Policy {
	case Default:
		return newCores(w, true)
	case None:
		return newCores(w, false)
	case Peering3:
		return newPeering3(w)
	case QueueGroup:
		return newQueueGroup(w)
	case Oracle:
		return newOracle(w)
	case Global:
		return newGlobal(w)
	}
	panic("forecast: no policy " + w.cfg.Policy)
}
