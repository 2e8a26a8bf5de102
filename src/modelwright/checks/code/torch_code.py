"""What several torch rules need of one file: gradient calls, modes, loops that judge, and what a function reaches."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import lru_cache

from modelwright.checks.code.asking import constant, is_false, tail, words, written
from modelwright.checks.code.call_index import calls_known
from modelwright.checks.code.facts import Facts
from modelwright.checks.code.origins import Origins

Region = ast.AST
HELD_OUT = re.compile(
    r"(?:^|_)(?:test|tst|val|valid|validation|eval|dev|holdout)(?:_|\d|$|loader|set|data|dl|iter)", re.IGNORECASE
)
TRAIN = re.compile(r"(?:^|_)(?:train|training|trn)(?:_|\d|$|loader|set|data|dl|iter)", re.IGNORECASE)
_OPTIMISER = re.compile(r"optim|^opt(?:_\w+|\d)?$|^opt[A-Z]", re.IGNORECASE)
_NO_GRAD = words(
    "torch.no_grad torch.inference_mode torch.set_grad_enabled torch.autograd.no_grad torch.autograd.inference_mode"
)
STOCHASTIC = re.compile(r"^torch\.nn\.(?:\w*Dropout\w*|\w*BatchNorm\w*|TransformerEncoderLayer|Transformer)$")


@dataclass
class TorchCode:
    """The torch calls of one file by what they do."""

    facts: Facts
    origins: Origins
    backwards: list[ast.Call] = field(default_factory=list)
    steps: list[tuple[ast.Call, str]] = field(default_factory=list)  # (call, written optimiser)
    zeroings: list[ast.AST] = field(default_factory=list)
    evals: list[ast.Call] = field(default_factory=list)
    trains: list[ast.Call] = field(default_factory=list)
    by_tail: dict[str, list[ast.Call]] = field(default_factory=dict)
    calls_by_function: dict[ast.AST, list[ast.Call]] = field(default_factory=dict)
    _reached: dict[tuple[Region, int], set[ast.AST]] = field(default_factory=dict)
    _named: dict[str, list[ast.AST]] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Facts) -> TorchCode | None:
        """None where the file does not use torch."""
        if "torch" not in facts.names.modules and "torchvision" not in facts.names.modules:
            return None
        found = facts.names.memo.get("torch")
        if not isinstance(found, TorchCode):
            found = cls(facts, Origins.of(facts))
            found._read()
            facts.names.memo["torch"] = found
        return found

    def _read(self) -> None:
        names = self.facts.names
        for call in names.calls:
            function = names.function(call) or names.tree
            self.calls_by_function.setdefault(function, []).append(call)
            if not isinstance(call.func, ast.Attribute):
                continue
            self._read_method(call, call.func)
        for assign in names.nodes(ast.Assign):
            for target in assign.targets:
                if isinstance(target, ast.Attribute) and target.attr == "grad":
                    self.zeroings.append(assign)

    def _read_method(self, call: ast.Call, func: ast.Attribute) -> None:
        name = func.attr
        if name == "backward":
            self.backwards.append(call)
        elif name == "step":
            self._read_step(call, func)
        elif name == "eval" and not call.args:
            self.evals.append(call)
        elif name == "train":
            modes = [*call.args, *(item.value for item in call.keywords)]
            if modes and is_false(modes[0]):
                self.evals.append(call)
            elif not modes or not isinstance(modes[0], ast.Name) or len(modes) == 1:
                self.trains.append(call)
        if "zero" in name or ("grad" in name and ("clear" in name or "reset" in name)):
            self.zeroings.append(call)

    def _read_step(self, call: ast.Call, func: ast.Attribute) -> None:
        made = self.origins.made_by(func.value) or ""
        if made.endswith("GradScaler") or "scaler" in written(func.value).lower():
            if call.args:
                self.steps.append((call, written(call.args[0])))
        elif self._is_optimiser(func.value):
            self.steps.append((call, written(func.value)))

    def _is_optimiser(self, node: ast.AST) -> bool:
        made = self.origins.made_by(node)
        if made is not None:
            return made.startswith("torch.optim.") and "lr_scheduler" not in made
        return bool(_OPTIMISER.search(tail(node))) and "sched" not in tail(node).lower()

    def inside(self, node: ast.AST, region: Region) -> bool:
        return self.facts.names.is_inside(node, region)

    def reaches(self, region: Region, depth: int = 3) -> set[ast.AST]:
        """Functions of this file that the region calls, by name, also through each other."""
        known = self._reached.get((region, depth))
        if known is not None:
            return known
        seen: set[ast.AST] = set()
        todo = [(region, depth)]
        by_name = self._by_name()
        while todo:
            area, left = todo.pop()
            for call in self._calls(area):
                for function in by_name.get(tail(call), ()):
                    if function not in seen and left > 0:
                        seen.add(function)
                        todo.append((function, left - 1))
        self._reached[region, depth] = seen
        return seen

    def callers(self, function: ast.AST | None) -> list[ast.Call]:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            return []
        if not self.by_tail:
            for call in self.facts.names.calls:
                self.by_tail.setdefault(tail(call), []).append(call)
        return self.by_tail.get(function.name, [])

    def _by_name(self) -> dict[str, list[ast.AST]]:
        if not self._named:
            for function in self.facts.names.functions:
                self._named.setdefault(function.name, []).append(function)
        return self._named

    def _calls(self, region: Region) -> list[ast.Call]:
        if region in self.calls_by_function and isinstance(region, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
            return self.calls_by_function[region]
        home = self.facts.names.function(region) or self.facts.names.tree
        return [call for call in self.calls_by_function.get(home, []) if self.inside(call, region)]

    def within(self, nodes: list[ast.Call] | list[ast.AST], region: Region, *, reach: bool = True) -> list[ast.AST]:
        """Those of the nodes that stand in the region, or in a function that it calls."""
        if not nodes:
            return []
        areas = {region, *(self.reaches(region) if reach else ())}
        return [node for node in nodes if any(self.inside(node, area) for area in areas)]

    def without_graph(self, node: ast.AST) -> bool:
        """Is no gradient recorded here: a with block, a decorator, the whole file, or each caller's block?"""
        return self._is_graphless(node, 3)

    def _is_graphless(self, node: ast.AST, depth: int) -> bool:
        names = self.facts.names
        for up in names.parents(node):
            if isinstance(up, ast.With | ast.AsyncWith) and any(
                self._says_no_grad(item.context_expr) for item in up.items
            ):
                return True
            if isinstance(up, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and any(
                self._says_no_grad(decorator) for decorator in up.decorator_list
            ):
                return True
        if any(
            names.called(call) == "torch.set_grad_enabled" and call.args and is_false(call.args[0])
            for call in calls_known(names, ["set_grad_enabled"])
        ):
            return True
        callers = self.callers(names.function(node))
        return depth > 0 and bool(callers) and all(self._is_graphless(call, depth - 1) for call in callers)

    def _says_no_grad(self, node: ast.AST) -> bool:
        called = self.facts.names.qualified(node.func if isinstance(node, ast.Call) else node)
        return called in _NO_GRAD or tail(node) in {"no_grad", "inference_mode", "set_grad_enabled"}

    def made_here(self, call: ast.Call, node: ast.AST) -> bool:
        """Is the value of a name or field this very call?"""
        parent = self.facts.names.parent(call)
        return isinstance(parent, ast.Assign) and any(written(target) == written(node) for target in parent.targets)

    def is_module_class(self, node: ast.ClassDef, depth: int = 4) -> bool:
        """Does the class derive from torch's Module, also through classes of this file?"""
        for parent in node.bases:
            known = self.facts.names.qualified(parent)
            if known in {"torch.nn.Module", "lightning.pytorch.LightningModule"} or (known or "").startswith(
                "torch.nn."
            ):
                return True
            if known is None and isinstance(parent, ast.Name) and parent.id in self.origins.classes and depth:
                inner = self.origins.classes[parent.id]
                if inner is not node and self.is_module_class(inner, depth - 1):
                    return True
        return False

    def module_of(self, node: ast.AST) -> str:
        """`local:Net`, or the public name of the module that a value is an instance of; `` where it is not sure."""
        made = self.origins.made_by(node)
        if made is None:
            return ""
        if made.startswith("local:"):
            return made if self.is_module_class(self.origins.classes[made[6:]]) else ""
        if made.startswith("torch.nn.functional"):
            return ""
        return made if made.startswith(("torch.nn.", "torchvision.models.", "timm.create_model")) else ""


def is_held_out(node: ast.AST | None) -> bool:
    """Do the names in an expression say test or validation, and none say train?"""
    if node is None or isinstance(node, ast.Constant):
        return False
    if isinstance(node, ast.Name):
        return _says_held_out(node.id) and not _says_train(node.id)
    found = {
        part.id if isinstance(part, ast.Name) else part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Name | ast.Attribute)
    }
    return any(map(_says_held_out, found)) and not any(map(_says_train, found))


@lru_cache(maxsize=4096)
def _says_held_out(name: str) -> bool:
    return HELD_OUT.search(name) is not None


@lru_cache(maxsize=4096)
def _says_train(name: str) -> bool:
    return TRAIN.search(name) is not None


def is_stochastic(code: TorchCode, made: str, depth: int = 3) -> bool | None:
    """Does a module act otherwise in training (Dropout, BatchNorm)? None where it is not known."""
    if made.startswith("local:"):
        node = code.origins.classes[made[6:]]
        unknown = False
        for call in code.facts.names.inside(node, ast.Call):
            called = code.facts.names.called(call)
            if called is not None and (STOCHASTIC.match(called) or called.startswith(("torchvision.models.", "timm."))):
                return True
            if called in {"torch.nn.LSTM", "torch.nn.GRU"} and constant(_named(call, "dropout"), 0) != 0:
                return True
            if called is None and isinstance(call.func, ast.Name) and call.func.id in code.origins.classes and depth:
                inner = is_stochastic(code, f"local:{call.func.id}", depth - 1) if call.func.id != node.name else False
                if inner:
                    return True
        return None if unknown else False
    if made.startswith(("torchvision.models.", "timm.")):
        return True
    if made == "torch.nn.Sequential":
        return None
    return False


def _named(call: ast.Call, name: str) -> ast.AST | None:
    return next((item.value for item in call.keywords if item.arg == name), None)
