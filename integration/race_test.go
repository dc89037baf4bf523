//go:build race

package integration

// raceEnabled has the brokermesh binary built as the tests themselves are.
const raceEnabled = true
