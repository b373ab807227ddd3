"""The keywords and patterns that indicate the difficulty of a request, as data.

Words match whole words, in lower case; phrases match anywhere. Most are English, then German, French, Spanish and
Chinese; a few are Portuguese, Italian and Japanese. A misleading keyword leads to another tier, not to a failed call.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Cue(NamedTuple):
    """Keywords that indicate the same kind of request.

    Attributes:
        name: The kind of request.
        each: Points for each keyword that occurs.
        most: Maximum points for all of them together.
        words: Keywords that match whole words.
        phrases: Texts that match anywhere.
        wide: Keywords in scripts without spaces, and signs; searched for only in texts that are not ASCII.
    """

    name: str
    each: float
    most: float
    words: frozenset[str]
    phrases: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SIMPLE = Cue(
    "simple ask",
    -2,
    -2,
    _words(
        "translate translation summarize summarise summary classify categorize categorise extract transcribe "
        "rephrase reword paraphrase proofread shorten keywords synonym synonyms convert detect übersetze "
        "übersetzen fasse zusammenfassen zusammenfassung klassifiziere extrahiere korrigiere traduis "
        "traduire traduisez résume résumer résumez classe classer extrais extraire corrige corrigez "
        "reformule traduce traducir traduzca resumir clasifica clasificar extrae extraer corregir reformula "
        "traduza traduzir classifique traduci riassumi classifica"
    ),
    (
        "yes or no",
        "true or false",
        "a title",
        "a caption",
        "the grammar",
        "the spelling",
        "one word",
        "one sentence",
        "ja oder nein",
        "oui ou non",
        "sí o no",
        "tl;dr",
    ),
    ("翻译", "总结", "概括", "分类", "提取", "翻訳", "要約", "分類"),
)
"""Tasks that a small model does well. They are searched for only at the beginning and end of a message."""

CUES = (
    # Something must be created, explained or compared: a better model does this better.
    Cue(
        "open task",
        2,
        3,
        _words(
            "advise advice argument arguments disagree guide story poem essay pitch toast description schedule "
            "wie weshalb lohnt empfiehl vorteile nachteile comparer conseille recommande raconte recomienda "
            "aconseja cuento ventajas desventajas monthly interest write draft compose explain explains describe "
            "compare comparison difference differences plan review implement build create develop improve "
            "recommend suggest propose discuss debug fix why options causes caused consequences article post "
            "letter speech lesson outline tutorial schreibe formuliere schreib schreiben verfasse erkläre erklär "
            "erklären beschreibe vergleiche vergleichen unterschied plane planen warum wieso entwickle erstelle "
            "schlage ursachen folgen aufsatz écris écrire écrivez rédige rédigez explique expliquez décris "
            "comparez différence planifie pourquoi crée développe escribe escribir redacta explica explicar "
            "compara comparar diferencia planifica crea desarrolla propón discute causas escreva scrivi spiega "
            "confronta"
        ),
        (
            "how does",
            "how can i ",
            "how would",
            "how should",
            "what should",
            "what is wrong",
            "pros and cons",
            "show the calculation",
            "show your work",
            "por qué",
        ),
        ("解释", "说明", "比较", "区别", "为什么", "写一", "計画", "计划", "説明", "比較", "書いて", "なぜ"),
    ),
    # Many things depend on each other: analysis, design, plans with conditions.
    Cue(
        "analysis",
        1.5,
        6,
        _words(
            "pricing profitability compatibility governance ownership constraints feasibility evidence rank "
            "weigh investigate mitigate diagnose hypothese policy compliance regulation liability clause clauses "
            "negotiate acquisition churn forecast causal causality bias confounding limitations sensitivity "
            "klausel haftung rechtsprechung prüfe untersuche konzept diagnostique audite responsabilité enquête "
            "investiga diagnostica responsabilidad cláusula analyse analyze analysis evaluate evaluation assess "
            "assessment critically critique design redesign architecture strategy strategic roadmap migrate "
            "migration methodology hypothesis hypotheses tradeoffs implications assumptions dependencies "
            "contradictions justify deduce deduction quantify validity valuation scenario scenarios confounders "
            "risks restructure analysiere analysieren bewerte bewerten architektur strategie begründe entwirf "
            "abwägung annahmen risikoanalyse analysez évalue évaluez conçois concevoir stratégie justifie "
            "compromis hypothèses analiza analizar evalúa evaluar diseña diseñar arquitectura estrategia "
            "justifica supuestos analise avalie projete analizza valuta progetta"
        ),
        (
            "trade-off",
            "cash flow",
            "step by step",
            "step-by-step",
            "root cause",
            "schritt für schritt",
            "étape par étape",
            "paso a paso",
        ),
        ("分析", "评估", "设计", "架构", "策略", "权衡", "逐步", "論じ", "評価", "設計", "戦略", "論証", "论证"),
    ),
    Cue(
        "code",
        1,
        2,
        _words(
            "avro protobuf grpc code python javascript typescript java kotlin rust golang c++ c# php ruby sql "
            "html css bash shell regex function functions script api json yaml csv query docker dockerfile "
            "kubernetes git linux excel formula bug compile crash crashes exception dataframe pandas numpy kafka "
            "redis mysql http async pytest unittest algorithm class method react django postgres postgresql "
            "funktion skript abfrage fonction requête función consulta código função funzione"
        ),
        ("pull request", "unit test"),
        ("函数", "代码", "编程", "关数", "関数", "コード"),
    ),
    # Code that can look right and be wrong.
    Cue(
        "hard code",
        2,
        8,
        _words(
            "atomics linearizable mutex lifetimes scheduler replication sharding consistency kernel allocator "
            "vectorize cuda profiler throughput outage postmortem refactor refactoring segfault valgrind "
            "idempotent idempotency deadlock deadlocks concurrency concurrent multithreaded thread-safe "
            "lock-free backwards-compatible vulnerability exploit optimise optimize compiler parser scalability "
            "scalable distributed consensus complexity refaktoriere nebenläufigkeit concurrence refactoriza "
            "concurrencia optimiza complejidad complexité"
        ),
        (
            "race condition",
            "memory leak",
            "memory order",
            "undefined behavio",
            "stack trace",
            "backwards compatible",
            "exactly-once",
            "type inference",
            "without downtime",
            "o(n",
            "o(log",
        ),
        ("重构", "并发", "死锁", "优化", "复杂度", "並行", "最適化"),
    ),
    Cue(
        "mathematics",
        2,
        4,
        _words(
            "integers divides converge differential inequality permutation permutations combinatorics graph "
            "vertices zeros stochastic bayesian confidence likelihood hypothesis ganzen funktionenfolge stetig "
            "suite continue continua funciones entiers enteros loan mortgage equation equations integral "
            "integrals derivative derivatives differentiate matrix eigenvalue eigenvalues eigenvectors theorem "
            "lemma probability polynomial primes prime modulo logarithm calculate calculation compute variance "
            "regression estimator solve subset topology continuous converges vector gleichung gleichungen "
            "ableitung wahrscheinlichkeit berechne löse konvergiert beschränkt beschränkte varianz équation "
            "intégrale dérivée probabilité théorème calcule résous matrice ecuación derivada probabilidad "
            "teorema calcula resuelve varianza aleatorias matriz equação equazione"
        ),
        ("random variable",),
        ("方程", "积分", "导数", "概率", "定理", "矩阵", "素数", "計算", "计算", "確率", "整数", *"∫∑∏√∂∇∈∀∃≤≥≠∞⇒"),
    ),
    # An argument in which every step must be right.
    Cue(
        "proof",
        6,
        6,
        _words(
            "proves proven induction bijection démontrez prouvez montrez contre-exemple demuestre beweist "
            "widerspruchsbeweis prove proof proofs derive derivation rigorous rigorously counterexample "
            "counterexamples beweise beweis herleiten gegenbeispiel démontre démontrer prouve prouver demuestra "
            "demostrar demostración contraejemplo demonstre dimostra"
        ),
        ("show that", "show every", "show all", "show your answer"),
        ("证明", "推导", "証明", "導出"),
    ),
)

CODE_SIGNS = tuple(
    re.compile(pattern)
    for pattern in (
        "```",
        r"</\w",
        r"def \w+\(",
        r"class \w+\s?[({:]\s*\n",
        r"const \w+\s?=",
        r"func \w*\(",
        r"function \w*\([^)]{0,80}\)\s?\{",
        r"fn \w+[(<]",
        r"#include\s?[<\"]",
        r"SELECT .{1,80} FROM ",
        r"Traceback \(",
        r"\)\s?\{\s*\n",
        r";\n",
    )
)
"""Code. Each pattern begins with a literal, which makes the search ten times as fast."""

MATH_SIGNS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\\(?:frac|int|sum|prod|lim|sqrt|begin|left|cdot|mathbb|infty)\b",
        r"\$[^$\n\\^_=]{0,80}[\\^_=][^$\n]{0,200}\$",
        r"\^[\w{(-]",
        r"\(x\)\s?=",
    )
)
"""Formulas."""

ITEM = re.compile(r"^\s{0,8}(?:\d{1,2}[.)]|[-*•])\s", re.MULTILINE)
"""An item of a list."""
