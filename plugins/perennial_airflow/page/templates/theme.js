(() => {
  if (parent === window) return;
  try {
    const theirs = parent.document.documentElement;
    const follow = () => {
      const chosen = ["dark", "light"].find((each) => theirs.classList.contains(each));
      if (chosen) document.documentElement.dataset.theme = chosen;
    };
    follow();
    new MutationObserver(follow).observe(theirs, { attributes: true });
  } catch { /* a frame that is not Airflow's: the system's choice of colours holds */ }
})();
