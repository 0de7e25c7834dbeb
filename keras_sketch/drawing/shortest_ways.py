"""Shortest ways through a network of streets, compiled."""

from __future__ import annotations

import heapq

import numba
import numpy as np

from keras_sketch.drawing.compiled import compiled

_jit = numba.njit()


@_jit
def _way(start, goal, first, neighbours, costs, best, previous, touched):
    """Dijkstra's search from start to goal; fills `previous`, returns how many nodes it touched, 0 for no way."""
    count = 1
    touched[0] = start
    best[start] = 0.0
    previous[start] = start
    queue = [(0.0, start)]
    found = False
    while len(queue) > 0:
        cost, node = heapq.heappop(queue)
        if node == goal:
            found = True
            break
        if cost > best[node]:
            continue
        for edge in range(first[node], first[node + 1]):
            other = neighbours[edge]
            reached = cost + costs[edge]
            if reached < best[other]:
                if best[other] == np.inf:
                    touched[count] = other
                    count += 1
                best[other] = reached
                previous[other] = node
                heapq.heappush(queue, (reached, other))
    return count if found else -count


@compiled()
def walk(stops, linking, first, neighbours, drawing_costs, linking_costs):
    """Goes from stop to stop, each time by the cheapest way.

    Args:
        stops: int64 [n], nodes to pass, in order.
        linking: bool [n], True where the way to this stop only leads from one stroke to the next.
        first: int64 [nodes + 1], where each node's edges begin in the next three.
        neighbours: int64 [edges], the node at an edge's other end.
        drawing_costs: float64 [edges].
        linking_costs: float64 [edges].

    Returns:
        int64 [m], the nodes of the whole way; where the network has none, the two stops stand side by side.
    """
    nodes = first.shape[0] - 1
    best = np.full(nodes, np.inf)
    previous = np.zeros(nodes, np.int64)
    touched = np.zeros(nodes, np.int64)
    route = [stops[0]]
    for index in range(1, stops.shape[0]):
        start, goal = stops[index - 1], stops[index]
        if start == goal:
            continue
        costs = linking_costs if linking[index] else drawing_costs
        count = _way(start, goal, first, neighbours, costs, best, previous, touched)
        begin = len(route)
        route.append(goal)
        node = goal
        while count > 0 and previous[node] != start:
            node = previous[node]
            route.append(node)
        low, high = begin, len(route) - 1
        while low < high:
            route[low], route[high] = route[high], route[low]
            low += 1
            high -= 1
        for place in range(abs(count)):
            best[touched[place]] = np.inf
    return np.array(route)
