// Package forecast says how a mesh would do: how long tasks would wait, how
// much would travel, what the death of a node would cost. It runs the code that
// serves, the dispatch core of every node and the routing policy in package
// mesh, in virtual time; only clients, workers and the network are made up.
//
// Beside the core (Default) it knows other policies, small models each, under
// the same tasks: see Policies. The tasks, their arrival and their service
// times depend on the seed alone, not on the policy, so policies are compared
// task by task; the same Config gives the same Result.
//
// What is not modelled: the time that brokers and the local network take, and
// limits of queue and wait, which are lifted so that waits are measured to
// their end. Clients behave as mesh/client does: one whose node dies asks again
// elsewhere.
package forecast
