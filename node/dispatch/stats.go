package dispatch

// Stats counts what a node has done since it started. The counts only grow.
type Stats struct {
	Requests      uint64 // tasks taken from clients
	Answered      uint64 // of these: answered by a worker, here or at a peer
	Refused       uint64 // of these: answered with an error by the mesh
	Dropped       uint64 // of these: not answered, since their clients had gone before they were started
	Repeated      uint64 // of the requests: those with an id that was known
	Dispatched    uint64 // attempts given to workers here, guests among them
	Delegated     uint64 // attempts given to peers
	Returned      uint64 // of these: given back undone
	DoneAway      uint64 // of these: answered
	Guests        uint64 // tasks taken from peers
	GuestsDone    uint64 // of these: answered
	GuestsBack    uint64 // tasks of peers given back undone
	GuestsDropped uint64 // tasks of peers that were forgotten, for their origin was gone
	AnsweredAgain uint64 // answers to tasks of peers that were sent once more, for their origin asked
	Lost          uint64 // attempts lost with a worker or peer
	Undelivered   uint64 // dispatches that found no subscriber
	PutAside      uint64 // times that a worker failed too often and was put aside
	PeersAside    uint64 // times that a peer failed too often and was put aside
	Fenced        uint64 // answers to attempts that are no more
	Stalls        uint64 // times that a task waited beside an idle worker for a second: a fault of the node
}
