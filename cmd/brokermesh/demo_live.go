package main

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"
)

const (
	liveEvery  = 200 * time.Millisecond
	rateOver   = 25 // reports that the rate is taken over: 5 s
	keptEvents = 50
)

// live collects what the board shows, and shows it on a terminal.
type live struct {
	mu      sync.Mutex
	board   board
	samples []report

	level   slog.Level
	display func(board)
	wants   chan struct{} // closed when the user wants to end, or the view has ended
	finish  func() error
}

// newLive begins the live view. It takes the whole terminal until close.
func newLive(out io.Writer, o demoOptions) *live {
	options := []tea.ProgramOption{tea.WithOutput(out), tea.WithoutSignalHandler(), tea.WithFPS(10)}
	if !term.IsTerminal(os.Stdin.Fd()) {
		options = append(options, tea.WithInput(nil)) // it would look for another terminal
	}
	p := tea.NewProgram(&model{width: 80, height: 24}, options...)
	l := &live{level: logLevel(o), wants: make(chan struct{}), display: func(b board) { p.Send(b) }}
	var failure error
	go func() {
		defer close(l.wants)
		_, failure = p.Run()
	}()
	l.finish = func() error {
		p.Quit()
		<-l.wants
		return failure
	}
	return l
}

// newPicture shows nothing until close, and then the board as it last was.
func newPicture(out io.Writer, o demoOptions) *live {
	l := &live{level: logLevel(o), display: func(board) {}}
	l.finish = sync.OnceValue(func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		_, err := io.WriteString(out, l.board.view(pictureWidth, pictureHeight)+"\n")
		return err
	})
	return l
}

const (
	pictureWidth  = 96
	pictureHeight = 24
)

func (l *live) every(demoOptions) time.Duration { return liveEvery }
func (l *live) quit() <-chan struct{}           { return l.wants }
func (l *live) close() error                    { return l.finish() }

func (l *live) introduce(m *demoMesh) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.board.tries = tries("nats://"+m.clusters[0].cfg.Listen, m.clusters[len(m.clusters)-1].cfg.Name)
}

func (l *live) event(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := &l.board
	// A new slice: the one shown before may be on its way to the display.
	old := b.events[max(0, len(b.events)-keptEvents+1):]
	b.events = append(append(make([]string, 0, len(old)+1), old...), time.Now().Format(time.TimeOnly)+"  "+text)
}

func (l *live) task(o outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.board.last = last(o)
}

func (l *live) show(r report) {
	l.mu.Lock()
	l.samples = append(l.samples[max(0, len(l.samples)-rateOver):], r)
	first := l.samples[0]
	if passed := r.ran - first.ran; passed > 0 {
		l.board.rate = float64(r.all().answered()-first.all().answered()) / passed.Seconds()
	}
	l.board.report = r
	b := l.board
	l.mu.Unlock()
	l.display(b)
}

// logger shows what the nodes log among the events.
func (l *live) logger() *slog.Logger {
	brief := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}
	return slog.New(slog.NewTextHandler(eventWriter{l}, &slog.HandlerOptions{Level: l.level, ReplaceAttr: brief}))
}

type eventWriter struct{ *live }

func (w eventWriter) Write(line []byte) (int, error) {
	w.event(strings.TrimSpace(string(line)))
	return len(line), nil
}

// model is the live view as bubbletea wants it.
type model struct {
	board         board
	width, height int
}

func (m *model) Init() tea.Cmd { return nil }

func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case board:
		m.board = msg
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q", "esc", "ctrl+c":
			return m, tea.Quit
		}
	}
	return m, nil
}

func (m *model) View() tea.View {
	v := tea.NewView(m.board.view(m.width, m.height))
	v.AltScreen, v.WindowTitle = true, "brokermesh demo"
	return v
}
