package demo

import (
	"container/heap"
	"math"
	"time"
)

// task is something that happens at a time; those of the same time in the order
// in which they were planned.
type task struct {
	at time.Duration
	no int
	do func()
}

type tasks []task

func (t tasks) Len() int { return len(t) }
func (t tasks) Less(i, j int) bool {
	return t[i].at < t[j].at || t[i].at == t[j].at && t[i].no < t[j].no
}
func (t tasks) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *tasks) Push(x any)   { *t = append(*t, x.(task)) }
func (t *tasks) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

func (s *Sim) at(when time.Duration, do func()) {
	s.taskNo++
	heap.Push(&s.tasks, task{when, s.taskNo, do})
}

func (s *Sim) after(d time.Duration, do func()) { s.at(s.now+d, do) }

// NextAt is when the next thing happens that may make requests.
func (s *Sim) NextAt() (at time.Time, present bool) {
	when := s.tasks[0].at
	return s.wall(when), when >= s.o.Past
}

// Next has the next thing happen, and returns what is sent because of it, which
// may be nothing.
func (s *Sim) Next() []Request {
	t := heap.Pop(&s.tasks).(task)
	s.now = t.at
	s.out = nil
	t.do()
	return s.out
}

// span is a random duration, rarely a very long one, of this mean.
func (s *Sim) span(mean time.Duration) time.Duration {
	return time.Duration(math.Min(s.rnd.ExpFloat64(), 4) * float64(mean))
}

func (s *Sim) between(low, high time.Duration) time.Duration {
	return low + time.Duration(s.rnd.Int64N(int64(high-low)+1))
}
