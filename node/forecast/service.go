package forecast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Service is how long tasks run.
type Service struct {
	Kind string
	Mean time.Duration // of Bimodal: of the short ones

	Long  time.Duration // Bimodal: of the long ones
	Short float64       // Bimodal: the part of short ones
}

// The kinds of service times.
const (
	Exponential   = "exp"
	Deterministic = "det"       // all alike
	LogNormal     = "lognormal" // the logarithm has a standard deviation of logSpread
	Bimodal       = "bimodal"   // one of two times
)

// logSpread makes one task in a hundred take ten times the mean or more.
const logSpread = 1.5

// ServiceForms tells people what ParseService reads.
const ServiceForms = "exp:10ms, det:10ms, lognormal:10ms or bimodal:1ms,100ms,0.9 (short, long, part of short ones)"

// ParseService reads a service as String writes it, such as exp:10ms or
// bimodal:1ms,100ms,0.9.
func ParseService(text string) (Service, error) {
	kind, rest, _ := strings.Cut(text, ":")
	f := strings.Split(rest, ",")
	s := Service{Kind: kind}
	var err error
	if s.Mean, err = time.ParseDuration(f[0]); err != nil {
		return Service{}, fmt.Errorf("want %s", ServiceForms)
	}
	want := 1
	if kind == Bimodal {
		want = 3
	}
	if len(f) != want {
		return Service{}, fmt.Errorf("want %s", ServiceForms)
	}
	if kind == Bimodal {
		long, err := time.ParseDuration(f[1])
		short, ferr := strconv.ParseFloat(f[2], 64)
		if err != nil || ferr != nil {
			return Service{}, fmt.Errorf("want %s", ServiceForms)
		}
		s.Long, s.Short = long, short
	}
	if fault := s.fault(); fault != "" {
		return Service{}, fmt.Errorf("%s", fault)
	}
	return s, nil
}

// String writes a service as ParseService reads it.
func (s Service) String() string {
	if s.Kind == Bimodal {
		return fmt.Sprintf("%s:%v,%v,%v", s.Kind, s.Mean, s.Long, s.Short)
	}
	return fmt.Sprintf("%s:%v", s.Kind, s.Mean)
}

func (s Service) fault() string {
	sane := func(d time.Duration) bool { return d >= time.Microsecond && d <= maxTime }
	switch s.Kind {
	case Exponential, Deterministic, LogNormal:
	case Bimodal:
		if !sane(s.Long) || !(s.Short >= 0 && s.Short <= 1) {
			return "want " + ServiceForms
		}
	default:
		return "want " + ServiceForms
	}
	if !sane(s.Mean) {
		return fmt.Sprintf("from %v to %v", time.Microsecond, maxTime)
	}
	return ""
}

// mean returns the mean of all tasks.
func (s Service) mean() time.Duration {
	if s.Kind == Bimodal {
		return time.Duration(s.Short*float64(s.Mean) + (1-s.Short)*float64(s.Long))
	}
	return s.Mean
}

// draw returns the time of one task.
func (s Service) draw(r *rand.Rand) time.Duration {
	switch s.Kind {
	case Deterministic:
		return s.Mean
	case LogNormal: // the mean of exp(sN(0,1)) is exp(s²/2)
		return time.Duration(float64(s.Mean) * math.Exp(logSpread*r.NormFloat64()-logSpread*logSpread/2))
	case Bimodal:
		if r.Float64() < s.Short {
			return s.Mean
		}
		return s.Long
	}
	return time.Duration(float64(s.Mean) * r.ExpFloat64())
}
