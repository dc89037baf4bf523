//go:build race

package sim

// race: the race detector is on, and everything takes its time.
const race = true
